#include "transport/front.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/server_builder.h>

#include <limits>
#include <stdexcept>

#include "transport/batch_call.h"
#include "transport/call_admission.h"
#include "transport/forwarded_stream.h"
#include "transport/ordered_stream.h"
#include "transport/unary_call.h"
#include "transport/watch_stream.h"
#include "transport/write_call.h"

namespace recstream::transport {
namespace {

constexpr std::chrono::seconds kUpstreamTimeout{10};

/// Whatever passed the limits of the front passes this hop.
std::shared_ptr<grpc::Channel> upstream_channel(const std::string& target) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(-1);
  arguments.SetMaxSendMessageSize(-1);
  arguments.SetInt(GRPC_ARG_MAX_METADATA_SIZE, std::numeric_limits<std::int32_t>::max());
  // As in the server's own options: windows that grow would hold megabytes of a slow reader's messages.
  arguments.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  auto channel = grpc::CreateCustomChannel(target, grpc::InsecureChannelCredentials(), arguments);
  if (!channel->WaitForConnected(std::chrono::system_clock::now() + kUpstreamTimeout)) {
    throw std::runtime_error("the server behind does not answer at " + target);
  }
  return channel;
}

}  // namespace

/// The unary RPCs that are served here. Registered by name, gRPC reads their request along with their headers: that
/// saves a step of the poller a call.
class Front::UnaryService final : public grpc::Service {
 public:
  explicit UnaryService(FrontState& front) {
    for (const auto rpc : {Rpc::kRecommendItems, Rpc::kRankItems, Rpc::kFindSimilarItems}) add(front, rpc, serve_unary);
    for (const auto rpc : {Rpc::kWriteUserEvent, Rpc::kBatchWriteUserEvents}) add(front, rpc, serve_write);
    add(front, Rpc::kBatchRecommendItems, serve_batch);
  }

 private:
  using Serve = decltype(&serve_unary);

  void add(FrontState& front, Rpc rpc, Serve serve) {
    AddMethod(new grpc::internal::RpcServiceMethod(kind_of(rpc).path, grpc::internal::RpcMethod::NORMAL_RPC, nullptr));
    MarkMethodRawCallback(
        index_++, new grpc::internal::CallbackUnaryHandler<grpc::ByteBuffer, grpc::ByteBuffer>(
                      [&front, rpc, serve](grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                           grpc::ByteBuffer* response) {
                        return serve(front, rpc, *context, *request, *response);
                      }));
  }

  int index_ = 0;
};

class Front::OtherCalls final : public grpc::CallbackGenericService {
 public:
  explicit OtherCalls(FrontState& front) : front_(front) {}

  grpc::ServerGenericBidiReactor* CreateReactor(grpc::GenericCallbackServerContext* context) override {
    const auto rpc = find_rpc(context->method());
    if (rpc == Rpc::kOther) return forward_stream(front_, rpc, *context, ForwardReason::kRpc);
    if (const auto* refusal = refuse_call(front_, rpc, *context)) return refuse_stream(*refusal);
    if (rpc != Rpc::kStreamingRecommend && rpc != Rpc::kStreamingWriteUserEvents) {
      return forward_stream(front_, rpc, *context, ForwardReason::kRpc);
    }
    if (front_.draining) return forward_stream(front_, rpc, *context, ForwardReason::kDraining);
    return serve_ordered_stream(front_, rpc, *context);
  }

 private:
  FrontState& front_;
};

Front::Front(const FrontOptions& options, const ServedModel& model, EventQueue& events, WatchHub& watchers)
    : state_{.queries = {model, options.limits},
             .refusals = options.refusals,
             .counts = CallCounts(options.seconds, options.slow_seconds),
             .calls = Admission(options.calls_in_flight),
             .streams = Admission(options.streams),
             .events = &events,
             .watchers = &watchers,
             .stream_messages = static_cast<std::size_t>(options.stream_messages),
             .message_bytes = options.message_bytes,
             .upstream = grpc::GenericStub(upstream_channel(options.upstream)),
             .open_streams = {},
             .corks = {},
             .is_short = options.workers == 0,
             .batches = {state_.queries, state_.corks},
             .workers = Workers(options.workers),
             .batch_workers = Workers(options.batch_workers)},
      unary_(std::make_unique<UnaryService>(state_)),
      watch_(make_watch_service(state_)),
      others_(std::make_unique<OtherCalls>(state_)) {
  grpc::ServerBuilder builder;
  for (const auto& [name, value] : options.arguments) builder.AddChannelArgument(name, value);
  auto acceptor = builder.experimental().AddExternalConnectionAcceptor(
      grpc::ServerBuilder::experimental_type::ExternalConnectionType::FROM_FD, server_credentials(options.tls));
  builder.RegisterService(unary_.get());
  builder.RegisterService(watch_.get());
  builder.RegisterCallbackGenericService(others_.get());
  server_ = builder.BuildAndStart();
  if (server_ == nullptr) throw std::runtime_error("the native server does not start");
  connections_ =
      std::make_unique<Connections>(options.listening, options.connections, std::move(acceptor), state_.corks);
}

Front::~Front() { stop(std::chrono::milliseconds(0)); }

void Front::drain() {
  state_.draining = true;
  state_.open_streams.drain();
}

void Front::stop(std::chrono::milliseconds grace) {
  connections_.reset();
  server_->Shutdown(std::chrono::system_clock::now() + grace);
  // Left open, it would keep the Python server from its end: gRPC looks at an idle connection every five seconds only.
  state_.upstream = grpc::GenericStub(nullptr);
}

}  // namespace recstream::transport
