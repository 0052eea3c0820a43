#include "client_storms.h"

#include <arpa/inet.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/security/credentials.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <functional>
#include <future>
#include <iostream>
#include <random>
#include <source_location>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "transport/message_bytes.h"
#include "transport/wire_reader.h"
#include "transport/wire_writer.h"

namespace recstream::transport::stress {
namespace {

using Random = std::mt19937;
using std::chrono::microseconds;

constexpr std::string_view kRecommendation = "/recstream.v1.RecommendationService/";
constexpr std::string_view kUserEvent = "/recstream.v1.UserEventService/";
constexpr std::chrono::seconds kPatience{60};

void require(bool holds, std::string_view promise, std::source_location place = std::source_location::current()) {
  if (holds) return;
  std::cerr << place.file_name() << ':' << place.line() << ": " << promise << '\n';
  std::_Exit(1);
}

std::string path(std::string_view service, std::string_view rpc) { return std::string(service) + std::string(rpc); }

/// A UserEvent of one of a few users, about whom queries are asked as well.
std::string event(Random& random) {
  std::string message;
  append_bytes(message, 2, "writer-" + std::to_string(random() % 5));
  append_bytes(message, 4, "item-" + std::to_string(random() % 500));
  append_bytes(message, 5, random() % 20 == 0 ? "unknown" : "click");
  return message;
}

std::string query(Random& random) {
  std::string message;
  append_bytes(message, 1, "writer-" + std::to_string(random() % 5));
  append_number(message, 3, 1 + random() % 50);
  // Attributes are the Python server's to add.
  if (random() % 10 == 0) append_number(message, 10, 1);
  return message;
}

std::string in_field(int field, std::string_view bytes) {
  std::string message;
  append_bytes(message, field, bytes);
  return message;
}

struct UnaryKind {
  std::string path;
  std::string request;
};

UnaryKind some_call(Random& random) {
  switch (random() % 8) {
    case 0:
      return {path(kUserEvent, "WriteUserEvent"), in_field(1, event(random))};
    case 1: {
      std::string batch;
      for (int i = 0; i < 20; ++i) append_bytes(batch, 1, in_field(1, event(random)));
      return {path(kUserEvent, "BatchWriteUserEvents"), batch};
    }
    case 2:
      return {path(kRecommendation, "FindSimilarItems"), in_field(1, "item-" + std::to_string(random() % 600))};
    case 3:
      return {path(kRecommendation, "RankItems"),
              in_field(1, "user-1") + in_field(3, "item-1") + in_field(3, "item-2")};
    case 4:
      return {path(kRecommendation, "BatchRecommendItems"), in_field(1, query(random)) + in_field(1, query(random))};
    case 5:
      return {path(kUserEvent, "ListUserEvents"), in_field(1, "user-1")};
    default:
      return {path(kRecommendation, "RecommendItems"), query(random)};
  }
}

/// A stream of the client, which it may leave at any moment.
class Stream final : public grpc::ClientBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
 public:
  /// Reads up to `reads` answers, all when negative.
  Stream(grpc::GenericStub& stub, const std::string& path, std::vector<std::string> messages, bool half_closes,
         int reads)
      : messages_(std::move(messages)), half_closes_(half_closes), reads_(reads) {
    context.set_deadline(std::chrono::system_clock::now() + kPatience);
    stub.PrepareBidiStreamingCall(&context, path, {}, this);
    write();
    if (reads_ != 0) StartRead(&answer_);
    StartCall();
  }

  void OnWriteDone(bool ok) override {
    if (ok) write();
  }

  void OnReadDone(bool ok) override {
    if (!ok) return;
    const MessageBytes bytes(answer_);
    WireReader reader(bytes.view());
    sequences.push_back(reader.next() ? reader.varint() : 0);
    if (--reads_ != 0) StartRead(&answer_);
  }

  void OnDone(const grpc::Status& status) override { done_.set_value(status); }

  grpc::Status wait() {
    auto future = done_.get_future();
    require(future.wait_for(2 * kPatience) == std::future_status::ready, "a stream never ends");
    return future.get();
  }

  grpc::ClientContext context;
  /// Of the answers; to look at after the end.
  std::vector<std::uint64_t> sequences;

 private:
  void write() {
    if (written_ < messages_.size()) {
      message_ = to_message(messages_[written_++]);
      StartWrite(&message_);
    } else if (half_closes_) {
      half_closes_ = false;
      StartWritesDone();
    }
  }

  const std::vector<std::string> messages_;
  std::size_t written_ = 0;
  bool half_closes_;
  int reads_;
  grpc::ByteBuffer message_;
  grpc::ByteBuffer answer_;
  std::promise<grpc::Status> done_;
};

class Client {
 public:
  Client(std::string target, const Expected& expected, unsigned seed)
      : target_(std::move(target)), expected_(expected), random_(seed) {
    connect();
  }

  void step() {
    const std::vector<void (Client::*)()> storms = {&Client::read,       &Client::call,  &Client::call_and_cancel,
                                                    &Client::stream,     &Client::leave, &Client::read_slowly,
                                                    &Client::half_close, &Client::watch, &Client::speak_nonsense};
    (this->*storms[random_() % storms.size()])();
    if (random_() % 50 == 0) connect();
  }

 private:
  void connect() {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
    stub_ = std::make_unique<grpc::GenericStub>(
        grpc::CreateCustomChannel(target_, grpc::InsecureChannelCredentials(), arguments));
  }

  void pause(unsigned most_us) { std::this_thread::sleep_for(microseconds(random_() % most_us)); }

  grpc::Status run(const UnaryKind& kind, grpc::ByteBuffer& response, microseconds deadline, bool cancels) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + deadline);
    const auto request = to_message(kind.request);
    std::promise<grpc::Status> done;
    stub_->UnaryCall(&context, kind.path, {}, &request, &response,
                     [&done](grpc::Status status) { done.set_value(std::move(status)); });
    if (cancels) {
      pause(2000);
      context.TryCancel();
    }
    auto future = done.get_future();
    require(future.wait_for(2 * kPatience) == std::future_status::ready, "a call never ends");
    return future.get();
  }

  void read() {
    grpc::ByteBuffer response;
    const auto status = run({path(kRecommendation, "RecommendItems"), reader_query()}, response, kPatience, false);
    if (status.ok()) require(MessageBytes(response).view() == expected_.reader_answer, "an answer is wrong");
    check(status);
  }

  void call() {
    grpc::ByteBuffer response;
    const bool hurries = random_() % 3 == 0;
    const auto deadline = hurries ? microseconds(random_() % 3000) : microseconds(kPatience);
    const auto status = run(some_call(random_), response, deadline, false);
    if (!hurries) check(status);
  }

  void call_and_cancel() {
    grpc::ByteBuffer response;
    run(some_call(random_), response, kPatience, true);
  }

  /// Messages with sequences from 1, on the RPC of the path that is returned.
  std::string some_messages(std::size_t count, std::vector<std::string>& messages) {
    const bool recommends = random_() % 2 == 0;
    for (std::size_t i = 1; i <= count; ++i) {
      std::string message;
      append_number(message, 1, i);
      const bool is_event = !recommends || random_() % 4 == 0;
      append_bytes(message, recommends && is_event ? 3 : 2, is_event ? event(random_) : query(random_));
      messages.push_back(std::move(message));
    }
    return recommends ? path(kRecommendation, "StreamingRecommend") : path(kUserEvent, "StreamingWriteUserEvents");
  }

  void stream() {
    std::vector<std::string> messages;
    const auto count = random_() % 100;
    const auto rpc = some_messages(count, messages);
    Stream stream(*stub_, rpc, std::move(messages), true, -1);
    const auto status = stream.wait();
    check(status);
    for (std::size_t i = 0; i < stream.sequences.size(); ++i) {
      require(stream.sequences[i] == i + 1, "answers of a stream are out of order");
    }
    if (expected_.everything_answered) require(stream.sequences.size() == count, "a stream lacks answers");
  }

  void leave() {
    std::vector<std::string> messages;
    const auto rpc = some_messages(random_() % 200, messages);
    Stream stream(*stub_, rpc, std::move(messages), random_() % 2 == 0, static_cast<int>(random_() % 20) - 1);
    pause(5000);
    stream.context.TryCancel();
    stream.wait();
  }

  void read_slowly() {
    std::vector<std::string> messages;
    const auto rpc = some_messages(1000, messages);
    Stream stream(*stub_, rpc, std::move(messages), true, static_cast<int>(random_() % 2));
    pause(100'000);
    stream.context.TryCancel();
    stream.wait();
  }

  /// A list, and more as events come, until it has enough.
  void watch() {
    Stream stream(*stub_, path(kRecommendation, "WatchRecommendations"), {in_field(1, query(random_))}, true,
                  static_cast<int>(random_() % 5));
    pause(200'000);
    stream.context.TryCancel();
    stream.wait();
  }

  void half_close() {
    Stream stream(*stub_, path(kRecommendation, "StreamingRecommend"), {}, true, -1);
    check(stream.wait());
  }

  void speak_nonsense() {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<std::uint16_t>(std::stoi(target_.substr(target_.rfind(':') + 1))));
    if (::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) {
      std::string bytes = random_() % 2 == 0 ? "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" : "";
      for (auto i = random_() % 100; i > 0; --i) bytes.push_back(static_cast<char>(random_()));
      [[maybe_unused]] const auto sent = send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      pause(1000);
    }
    close(fd);
  }

  void check(const grpc::Status& status) const {
    if (expected_.everything_answered) {
      // The writer fails one event in fifty, with a code that nothing else has as long as the front stands.
      require(status.ok() || status.error_message() == "as the test says", status.error_message());
    }
  }

  const std::string target_;
  const Expected& expected_;
  Random random_;
  std::unique_ptr<grpc::GenericStub> stub_;
};

}  // namespace

std::string reader_query() {
  std::string message;
  append_bytes(message, 1, "user-3");
  append_number(message, 3, 20);
  return message;
}

void run_client(const std::string& target, const Expected& expected, unsigned seed, const std::atomic<bool>& stopped) {
  Client client(target, expected, seed);
  while (!stopped) client.step();
}

}  // namespace recstream::transport::stress
