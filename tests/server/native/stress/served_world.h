#pragma once

#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/server.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>

#include "small_model.h"
#include "transport/event_queue.h"
#include "transport/front.h"
#include "transport/watch_hub.h"

namespace recstream::transport::stress {

/// Stands for the Python server: sends every message back as it came.
class EchoServer {
 public:
  EchoServer();
  ~EchoServer();
  EchoServer(const EchoServer&) = delete;
  EchoServer& operator=(const EchoServer&) = delete;

  const std::string& target() const { return target_; }

 private:
  class Service;

  std::string folder_;
  std::string target_;
  std::unique_ptr<Service> service_;
  std::unique_ptr<grpc::Server> server_;
};

/// Takes events out of a queue, applies them to an engine, wakes who watches and acknowledges them, as the writer in
/// Python does; one in fifty fails.
class Writer {
 public:
  Writer(EventQueue& queue, Engine& engine, WatchHub& watchers);
  /// Stops; what is left in the queue stays there.
  ~Writer();
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

 private:
  void run();

  EventQueue& queue_;
  Engine& engine_;
  WatchHub& watchers_;
  std::atomic<bool> stopped_{false};
  std::thread thread_;
};

/// What differs from one front to the next.
struct FrontKind {
  /// 0: queries run on the threads of the connections.
  int workers;
  std::int64_t calls_in_flight;
  std::int64_t streams;
  std::int64_t queue_limit;
};

/// A front in the middle of all that it needs.
class ServedWorld {
 public:
  ServedWorld(SmallModel& model, const EchoServer& behind, const FrontKind& kind);

  /// HOST:PORT.
  const std::string& target() const { return target_; }
  Front& front() { return *front_; }
  /// Gives up the events that wait, as a server does whose log hangs.
  void close_queue() { queue_.close(); }
  /// Whether all that came has ended and been counted as such.
  bool is_idle() const { return front_->state().calls.inside() == 0 && front_->state().streams.inside() == 0; }

 private:
  EventQueue queue_;
  WatchHub watchers_;
  Writer writer_;
  std::string target_;
  std::unique_ptr<Front> front_;
};

}  // namespace recstream::transport::stress
