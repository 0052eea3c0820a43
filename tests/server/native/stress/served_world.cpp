#include "served_world.h"

#include <arpa/inet.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server_builder.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <utility>
#include <vector>

#include "transport/status_message.h"
#include "transport/wire_writer.h"

namespace recstream::transport::stress {
namespace {

constexpr std::size_t kMostEvents = 64;
constexpr int kOneFails = 50;
constexpr int kBacklog = 128;

std::string serialized_status(grpc::StatusCode code) {
  std::string status;
  append_number(status, 1, static_cast<std::uint64_t>(code));
  append_bytes(status, 2, "as the test says");
  return status;
}

EventOutcome failed(grpc::StatusCode code) {
  return {.event_id = {}, .code = code, .error = std::make_shared<const std::string>(serialized_status(code))};
}

grpc::Status refusal(grpc::StatusCode code) { return read_status(serialized_status(code)); }

int listen_anywhere(std::string& target) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* const any = reinterpret_cast<sockaddr*>(&address);
  if (fd < 0 || bind(fd, any, size) != 0 || listen(fd, kBacklog) != 0 || getsockname(fd, any, &size) != 0) {
    throw std::runtime_error("cannot listen");
  }
  target = "127.0.0.1:" + std::to_string(ntohs(address.sin_port));
  return fd;
}

FrontOptions front_options(int listening, const EchoServer& behind, const FrontKind& kind) {
  return {.listening = listening,
          .connections = 1000,
          .tls = std::nullopt,
          .upstream = behind.target(),
          // As recstream_server.listener has them.
          .arguments = {{"grpc.so_reuseport", 0}, {"grpc.http2.bdp_probe", 0}, {"grpc.max_concurrent_streams", 100}},
          .limits = query_limits(),
          .calls_in_flight = kind.calls_in_flight,
          .streams = kind.streams,
          .stream_messages = 16,
          .message_bytes = 4 << 20,
          .refusals = {.calls_overloaded = refusal(grpc::StatusCode::RESOURCE_EXHAUSTED),
                       .streams_overloaded = refusal(grpc::StatusCode::RESOURCE_EXHAUSTED),
                       .expired = refusal(grpc::StatusCode::DEADLINE_EXCEEDED),
                       .draining = refusal(grpc::StatusCode::UNAVAILABLE)},
          .seconds = {0.001, 0.01, 0.1},
          .slow_seconds = 0.001,
          .workers = kind.workers,
          .batch_workers = 2};
}

class EchoStream final : public grpc::ServerGenericBidiReactor {
 public:
  EchoStream() { StartRead(&message_); }

  void OnReadDone(bool ok) override {
    if (ok) return StartWrite(&message_);
    Finish(grpc::Status::OK);
  }

  void OnWriteDone(bool ok) override {
    if (ok) return StartRead(&message_);
    Finish(grpc::Status::CANCELLED);
  }

  void OnDone() override { delete this; }

 private:
  grpc::ByteBuffer message_;
};

}  // namespace

class EchoServer::Service final : public grpc::CallbackGenericService {
 public:
  grpc::ServerGenericBidiReactor* CreateReactor(grpc::GenericCallbackServerContext*) override { return new EchoStream; }
};

EchoServer::EchoServer() : service_(std::make_unique<Service>()) {
  std::string name = std::filesystem::temp_directory_path() / "recstream-storms-XXXXXX";
  if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder");
  folder_ = name;
  target_ = "unix:" + folder_ + "/echo.sock";
  grpc::ServerBuilder builder;
  builder.AddListeningPort(target_, grpc::InsecureServerCredentials());
  builder.RegisterCallbackGenericService(service_.get());
  server_ = builder.BuildAndStart();
  if (server_ == nullptr) throw std::runtime_error("the server behind does not start");
}

EchoServer::~EchoServer() {
  server_->Shutdown(std::chrono::system_clock::now());
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

Writer::Writer(EventQueue& queue, Engine& engine, WatchHub& watchers)
    : queue_(queue), engine_(engine), watchers_(watchers), thread_([this] { run(); }) {}

Writer::~Writer() {
  stopped_ = true;
  queue_.wake();
  thread_.join();
}

void Writer::run() {
  while (!stopped_) {
    queue_.wait(0.1);
    std::vector<Event> applied;
    std::vector<EventOutcome> outcomes;
    std::vector<WatchHub::Subject> changed;
    for (const auto* event : queue_.take(kMostEvents)) {
      if (rand() % kOneFails == 0) {
        outcomes.push_back(failed(grpc::StatusCode::UNAVAILABLE));
        continue;
      }
      applied.push_back({.version = engine_.state_version() + 1 + static_cast<std::int64_t>(applied.size()),
                         .user_id = event->user_id,
                         .session_id = event->session_id,
                         .item_id = event->item_id,
                         .weight = 1.0,
                         .marks_seen = true});
      outcomes.push_back(
          {.event_id = {}, .state_version = applied.back().version, .duplicate = false, .error = nullptr});
    }
    engine_.apply(applied);
    for (const auto& event : applied) changed.emplace_back(event.user_id, event.session_id);
    watchers_.notify(changed);
    queue_.complete(std::move(outcomes));
  }
}

ServedWorld::ServedWorld(SmallModel& model, const EchoServer& behind, const FrontKind& kind)
    : queue_(event_rules(), kind.queue_limit, failed(grpc::StatusCode::RESOURCE_EXHAUSTED),
             failed(grpc::StatusCode::UNAVAILABLE)),
      writer_(queue_, model.engine(), watchers_) {
  const int listening = listen_anywhere(target_);
  front_ = std::make_unique<Front>(front_options(listening, behind, kind), model.served(), queue_, watchers_);
}

}  // namespace recstream::transport::stress
