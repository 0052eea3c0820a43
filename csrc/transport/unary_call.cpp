#include "transport/unary_call.h"

#include <grpcpp/client_context.h>

#include <string>
#include <utility>

#include "transport/call_admission.h"
#include "transport/message_bytes.h"
#include "transport/metadata.h"

namespace recstream::transport {
namespace {

using Started = CallCounts::Clock::time_point;

ForwardReason answer(const FrontState& front, Rpc rpc, const grpc::ByteBuffer& request, grpc::ByteBuffer& response) {
  // Kept by each thread, so that its memory is not asked for at every call.
  thread_local std::string bytes;
  bytes.clear();
  const MessageBytes message(request);
  auto query = front.queries.read(rpc, message.view());
  front.queries.answer({&query, 1});
  if (query.reason != ForwardReason::kNone) return query.reason;
  front.queries.append(query, bytes);
  response = to_message(bytes);
  return ForwardReason::kNone;
}

void count_answered(FrontState& front, Rpc rpc, Started started) {
  front.counts.call(rpc, grpc::StatusCode::OK, started);
  front.calls.leave();
}

/// A call that is answered later: by a worker, or by the Python server.
class UnaryCall final : public grpc::ServerUnaryReactor {
 public:
  UnaryCall(FrontState& front, Rpc rpc, grpc::CallbackServerContext& context, const grpc::ByteBuffer& request,
            grpc::ByteBuffer& response, Started started)
      : front_(front), rpc_(rpc), context_(context), request_(request), response_(response), started_(started) {}

  /// Answers on this thread.
  void answer_or_forward() {
    if (context_.IsCancelled()) return end(is_expired(context_) ? front_.refusals.expired : grpc::Status::CANCELLED);
    const auto reason = answer(front_, rpc_, request_, response_);
    if (reason != ForwardReason::kNone) return forward(reason);
    end(grpc::Status::OK);
  }

  void forward(ForwardReason reason) {
    front_.counts.forwarded(rpc_, reason);
    copy_request_metadata(context_, upstream_);
    front_.upstream.UnaryCall(&upstream_, path_, {}, &request_, &response_, [this](grpc::Status status) {
      copy_initial_metadata(upstream_, context_);
      copy_trailing_metadata(upstream_, context_);
      Finish(std::move(status));
    });
  }

  void OnCancel() override { upstream_.TryCancel(); }

  void OnDone() override {
    front_.calls.leave();
    delete this;
  }

 private:
  void end(const grpc::Status& status) {
    front_.counts.call(rpc_, status.error_code(), started_, status.error_details());
    Finish(status);
  }

  FrontState& front_;
  const Rpc rpc_;
  const std::string path_{kind_of(rpc_).path};
  grpc::CallbackServerContext& context_;
  const grpc::ByteBuffer& request_;
  grpc::ByteBuffer& response_;
  const Started started_;
  grpc::ClientContext upstream_;
};

}  // namespace

grpc::ServerUnaryReactor* serve_unary(FrontState& front, Rpc rpc, grpc::CallbackServerContext& context,
                                      const grpc::ByteBuffer& request, grpc::ByteBuffer& response) {
  if (!request.Valid()) return refuse_without_request(context);
  const auto started = CallCounts::Clock::now();
  if (const auto* refusal = refuse_call(front, rpc, context)) return refuse_unary(context, *refusal);
  if (!front.workers.runs_inline()) {
    auto* call = new UnaryCall(front, rpc, context, request, response, started);
    front.workers.run([call] { call->answer_or_forward(); });
    return call;
  }
  const auto reason = answer(front, rpc, request, response);
  if (reason == ForwardReason::kNone) {
    count_answered(front, rpc, started);
    auto* reactor = context.DefaultReactor();
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }
  return forward_unary(front, rpc, context, request, response, reason);
}

grpc::ServerUnaryReactor* forward_unary(FrontState& front, Rpc rpc, grpc::CallbackServerContext& context,
                                        const grpc::ByteBuffer& request, grpc::ByteBuffer& response,
                                        ForwardReason reason) {
  auto* call = new UnaryCall(front, rpc, context, request, response, CallCounts::Clock::now());
  call->forward(reason);
  return call;
}

grpc::ServerUnaryReactor* refuse_unary(grpc::CallbackServerContext& context, const grpc::Status& refusal) {
  auto* reactor = context.DefaultReactor();
  reactor->Finish(refusal);
  return reactor;
}

grpc::ServerUnaryReactor* refuse_without_request(grpc::CallbackServerContext& context) {
  return refuse_unary(context, {grpc::StatusCode::INVALID_ARGUMENT, "the call came without a request"});
}

}  // namespace recstream::transport
