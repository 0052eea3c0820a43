#include "connection.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <stdexcept>

#include "wire.h"

namespace serving {
namespace {

constexpr std::uint8_t kData = 0, kHeaders = 1, kReset = 3, kSettings = 4, kPing = 6, kGoAway = 7, kWindowUpdate = 8;
constexpr std::uint8_t kEndStream = 1, kAck = 1, kEndHeaders = 4;
constexpr std::uint64_t kLargestWindow = 0x7FFFFFFF;
constexpr std::size_t kHead = 9;

int connect_to(const std::string& host, int port) {
  const int descriptor = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  const int one = 1;
  if (descriptor < 0 || inet_pton(AF_INET, host.c_str(), &address.sin_addr) != 1 ||
      connect(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) != 0 ||
      fcntl(descriptor, F_SETFL, O_NONBLOCK) != 0) {
    throw std::runtime_error("cannot connect to " + host + ":" + std::to_string(port));
  }
  return descriptor;
}

void put_text(std::string& out, std::string_view text) {
  out.push_back(static_cast<char>(text.size()));  // all of ours are shorter than 127 bytes
  out.append(text);
}

}  // namespace

Connection::Connection(int number, const std::string& host, int port, Listener& listener)
    : number_(number),
      authority_(host + ":" + std::to_string(port)),
      listener_(listener),
      descriptor_(connect_to(host, port)) {
  out_ = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
  std::string settings, window;
  for (const auto& [name, value] : {std::pair<int, std::uint64_t>{2, 0}, {4, kLargestWindow}}) {
    put_number(settings, static_cast<std::uint64_t>(name), 2);
    put_number(settings, value, 4);
  }
  frame(kSettings, 0, 0, settings);
  put_number(window, kLargestWindow - 65535, 4);
  frame(kWindowUpdate, 0, 0, window);
  flush();
}

Connection::~Connection() { close(descriptor_); }

std::uint32_t Connection::start(const std::string& path, const std::string& message, bool only) {
  const Opening call{next_stream_, path, message, only};
  next_stream_ += 2;
  if (streams_.size() >= most_streams_) {
    waiting_.push_back(call);
  } else {
    open(call);
  }
  return call.stream;
}

void Connection::open(const Opening& call) {
  std::string head = std::move(out_);
  out_.clear();
  append_headers(call.path);
  std::string block = std::move(out_);
  out_ = std::move(head);
  frame(kHeaders, kEndHeaders, call.stream, block);
  Stream& stream = streams_[call.stream];
  stream.window = stream_window_;
  stream.outbox.emplace_back(call.message, call.only);
  flush_stream(call.stream, stream);
}

/// The path that comes first goes into the table, with what is common to all calls; another one is spelled out.
void Connection::append_headers(const std::string& path) {
  out_ += "\x83\x86";  // :method POST, :scheme http
  if (known_path_.empty()) {
    known_path_ = path;
    out_.push_back('\x44');
    put_text(out_, path);
    out_.push_back('\x41');
    put_text(out_, authority_);
    out_.push_back('\x5F');
    put_text(out_, "application/grpc");
    out_.push_back('\x40');
    put_text(out_, "te");
    put_text(out_, "trailers");
    return;
  }
  if (path == known_path_) {
    out_.push_back('\xC1');
  } else {
    out_.push_back('\x04');
    put_text(out_, path);
  }
  out_ += "\xC0\xBF\xBE";
}

void Connection::send(std::uint32_t id, const std::string& message) {
  const auto found = streams_.find(id);
  if (found == streams_.end()) return;
  found->second.outbox.emplace_back(message, false);
  flush_stream(id, found->second);
}

void Connection::flush_stream(std::uint32_t id, Stream& stream) {
  while (!stream.outbox.empty()) {
    const auto& [message, last] = stream.outbox.front();
    const auto size = static_cast<std::int64_t>(message.size());
    if (size > window_ || size > stream.window) {
      blocked_.push_back(id);
      return;
    }
    window_ -= size;
    stream.window -= size;
    frame(kData, last ? kEndStream : 0, id, message);
    stream.outbox.pop_front();
  }
}

void Connection::frame(std::uint8_t kind, std::uint8_t flags, std::uint32_t stream, std::string_view payload) {
  put_number(out_, payload.size() << 8 | kind, 4);
  out_.push_back(static_cast<char>(flags));
  put_number(out_, stream, 4);
  out_ += payload;
}

void Connection::flush() {
  while (sent_ < out_.size()) {
    const ssize_t size = ::send(descriptor_, out_.data() + sent_, out_.size() - sent_, MSG_NOSIGNAL);
    if (size <= 0) return;
    sent_ += static_cast<std::size_t>(size);
  }
  out_.clear();
  sent_ = 0;
}

bool Connection::receive() {
  char buffer[65536];
  ssize_t size = recv(descriptor_, buffer, sizeof buffer, 0);
  if (size == 0 || (size < 0 && errno != EAGAIN)) return false;
  if (size < 0) return true;
  in_.append(buffer, static_cast<std::size_t>(size));
  std::size_t position = 0;
  while (in_.size() - position >= kHead) {
    const std::string_view head = std::string_view(in_).substr(position, kHead);
    const std::size_t length = get_number(head.substr(0, 3));
    if (in_.size() - position < kHead + length) break;
    const auto stream = static_cast<std::uint32_t>(get_number(head.substr(5, 4)) & kLargestWindow);
    on_frame(static_cast<std::uint8_t>(head[3]), static_cast<std::uint8_t>(head[4]), stream,
             std::string_view(in_).substr(position + kHead, length));
    position += kHead + length;
  }
  in_.erase(0, position);
  return true;
}

void Connection::on_frame(std::uint8_t kind, std::uint8_t flags, std::uint32_t stream, std::string_view payload) {
  if (kind == kData) {
    on_data(flags, stream, payload);
  } else if (kind == kHeaders) {
    on_headers(flags, stream, payload);
  } else if (kind == kSettings && !(flags & kAck)) {
    on_settings(payload);
  } else if (kind == kPing && !(flags & kAck)) {
    frame(kPing, kAck, 0, payload);
  } else if (kind == kWindowUpdate) {
    on_window(stream, static_cast<std::int64_t>(get_number(payload)));
  } else if (kind == kReset) {
    end(stream, "the stream was reset, code " + std::to_string(get_number(payload)));
  } else if (kind == kGoAway) {
    throw std::runtime_error("the server takes no more calls: " + std::string(payload.substr(8)));
  }
}

void Connection::on_data(std::uint8_t flags, std::uint32_t id, std::string_view payload) {
  grant(0, received_, payload.size());
  const auto found = streams_.find(id);
  if (found == streams_.end()) return;
  Stream& stream = found->second;
  grant(id, stream.received, payload.size());
  // Hearing of a message may begin calls, which moves streams: what is needed of this one is taken before.
  std::string whole = std::move(stream.partial);
  stream.partial.clear();
  if (!whole.empty()) payload = whole.append(payload);
  while (payload.size() >= 5) {
    const std::size_t size = get_number(payload.substr(1, 4));
    if (payload.size() < 5 + size) break;
    listener_.on_message(number_, id, payload.substr(5, size));
    payload.remove_prefix(5 + size);
  }
  if (!payload.empty()) streams_[id].partial = std::string(payload);
  if (flags & kEndStream) end(id, "the server ended the stream without a status");
}

void Connection::on_headers(std::uint8_t flags, std::uint32_t id, std::string_view payload) {
  if (!(flags & kEndHeaders)) throw std::runtime_error("the server sent headers in parts");
  const auto status = headers_.status_of(payload);
  if (!status) throw std::runtime_error("the server sent headers that cannot be read");
  if (flags & kEndStream) end(id, *status == "0" ? "" : "status " + *status);
}

void Connection::on_settings(std::string_view payload) {
  for (; payload.size() >= 6; payload.remove_prefix(6)) {
    const std::uint64_t name = get_number(payload.substr(0, 2)), value = get_number(payload.substr(2, 4));
    if (name == 3) most_streams_ = value;
    if (name == 4) {
      const auto window = static_cast<std::int64_t>(value);
      for (auto& [_, stream] : streams_) stream.window += window - stream_window_;
      stream_window_ = window;
    }
  }
  frame(kSettings, kAck, 0, {});
  on_window(0, 0);
  open_waiting();
}

void Connection::on_window(std::uint32_t id, std::int64_t grant) {
  if (id == 0) {
    window_ += grant;
  } else if (const auto found = streams_.find(id); found != streams_.end()) {
    found->second.window += grant;
  }
  std::vector<std::uint32_t> blocked = std::move(blocked_);
  blocked_.clear();
  for (const std::uint32_t one : blocked) {
    if (const auto found = streams_.find(one); found != streams_.end()) flush_stream(one, found->second);
  }
}

/// Gives the server its window back, now and then.
void Connection::grant(std::uint32_t id, std::uint64_t& received, std::size_t size) {
  received += size;
  if (received < kLargestWindow / 2) return;
  std::string payload;
  put_number(payload, received, 4);
  frame(kWindowUpdate, 0, id, payload);
  received = 0;
}

void Connection::end(std::uint32_t id, const std::string& problem) {
  if (streams_.erase(id) == 0) return;
  listener_.on_end(number_, id, problem);
  open_waiting();
}

void Connection::open_waiting() {
  while (!waiting_.empty() && streams_.size() < most_streams_) {
    open(waiting_.front());
    waiting_.pop_front();
  }
}

}  // namespace serving
