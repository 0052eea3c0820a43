#pragma once

#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/impl/service_type.h>
#include <grpcpp/server.h>
#include <grpcpp/support/channel_arguments.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "transport/connections.h"
#include "transport/front_state.h"
#include "transport/server_credentials.h"

namespace recstream::transport {

struct FrontOptions {
  /// A listening TCP socket, which the front takes over.
  int listening;
  std::size_t connections;
  /// Plain text without.
  std::optional<TlsFiles> tls;
  /// Where the Python server listens.
  std::string upstream;
  /// Channel arguments of the server.
  std::vector<std::pair<std::string, int>> arguments;
  QueryLimits limits;
  std::int64_t calls_in_flight;
  std::int64_t streams;
  std::int64_t stream_messages;
  std::int64_t message_bytes;
  Refusals refusals;
  /// Bounds of the call times, in seconds.
  std::vector<double> seconds;
  /// Unary calls that take longer are logged.
  double slow_seconds;
  /// Threads that queries run on; 0 for those of the connections.
  int workers;
  /// Threads that batches of queries run on, at least 1.
  int batch_workers;
};

/// The gRPC server that clients see: serves what `NativeQueries` knows, and passes everything else on to the Python
/// server, which listens where nobody else can reach it. Safe to use from many threads.
class Front {
 public:
  /// Serves at once. The engine of the model, the queue and the hub must outlive the front. Throws std::runtime_error
  /// when the Python server does not answer.
  Front(const FrontOptions& options, const ServedModel& model, EventQueue& events, WatchHub& watchers);
  /// As `stop` without grace.
  ~Front();
  Front(const Front&) = delete;
  Front& operator=(const Front&) = delete;

  /// Ends the streams that are served here, and passes new ones on: the Python server knows how they end.
  void drain();

  /// Refuses all calls from now on.
  void close() { state_.closed = true; }

  /// Stops listening, lets calls finish, and cancels those that have not when the grace is over. May be called
  /// again.
  void stop(std::chrono::milliseconds grace);

  const FrontState& state() const { return state_; }

  /// What calls were slow or failed since the last time.
  std::vector<CallReport> take_log() { return state_.counts.log().take(); }

 private:
  class UnaryService;
  class OtherCalls;

  FrontState state_;
  std::unique_ptr<UnaryService> unary_;
  std::unique_ptr<grpc::Service> watch_;
  std::unique_ptr<OtherCalls> others_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<Connections> connections_;
};

}  // namespace recstream::transport
