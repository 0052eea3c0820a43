#include "transport/unary_call.h"

#include <grpcpp/client_context.h>

#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "transport/call_admission.h"
#include "transport/message_bytes.h"
#include "transport/metadata.h"

namespace recstream::transport {
namespace {

using Started = CallCounts::Clock::time_point;

void write_answer(const FrontState& front, const NativeQuery& query, grpc::ByteBuffer& response) {
  // Kept by each thread, so that its memory is not asked for at every call.
  thread_local std::string bytes;
  bytes.clear();
  front.queries.append(query, bytes);
  response = to_message(bytes);
}

/// A call that is answered later: in a batch, by a worker, or by the Python server.
class UnaryCall final : public grpc::ServerUnaryReactor, private Asker {
 public:
  UnaryCall(FrontState& front, Rpc rpc, grpc::CallbackServerContext& context, const grpc::ByteBuffer& request,
            grpc::ByteBuffer& response, Started started)
      : front_(front), rpc_(rpc), context_(context), request_(request), response_(response), started_(started) {}

  /// Reads the request and has it answered, perhaps before the return.
  void begin() {
    bytes_.emplace(request_);
    auto query = front_.queries.read(rpc_, bytes_->view());
    if (query.reason != ForwardReason::kNone) return forward(query.reason);
    Asker& asker = *this;
    if (query.scans()) return front_.batches.add(std::move(query), asker);
    front_.workers.run([this, query = std::move(query)]() mutable {
      if (!wants_answer()) return;
      front_.queries.answer({&query, 1});
      conclude(query);
    });
  }

  void forward(ForwardReason reason) {
    front_.counts.forwarded(rpc_, reason);
    path_ = kind_of(rpc_).path;
    {
      const std::scoped_lock lock(mutex_);
      upstream_.emplace();
      if (cancelled_) upstream_->TryCancel();
    }
    copy_request_metadata(context_, *upstream_);
    front_.upstream.UnaryCall(&*upstream_, path_, {}, &request_, &response_, [this](grpc::Status status) {
      copy_initial_metadata(*upstream_, context_);
      copy_trailing_metadata(*upstream_, context_);
      Finish(std::move(status));
    });
  }

  void OnCancel() override {
    const std::scoped_lock lock(mutex_);
    cancelled_ = true;
    if (upstream_) upstream_->TryCancel();
  }

  void OnDone() override {
    {
      const std::scoped_lock lock(mutex_);
    }
    front_.calls.leave();
    delete this;
  }

 private:
  /// OnDone is short: gRPC may run it where it is, and need not hand it to another thread.
  bool InternalInlineable() override { return true; }

  bool wants_answer() override {
    if (!context_.IsCancelled()) return true;
    end(is_expired(context_) ? front_.refusals.expired : grpc::Status::CANCELLED);
    return false;
  }

  std::string peer() const override { return context_.peer(); }

  void conclude(const NativeQuery& query) override {
    if (query.reason != ForwardReason::kNone) return forward(query.reason);
    write_answer(front_, query, response_);
    end(grpc::Status::OK);
  }

  void end(const grpc::Status& status) {
    front_.counts.call(rpc_, status.error_code(), started_, status.error_details());
    Finish(status);
  }

  FrontState& front_;
  const Rpc rpc_;
  grpc::CallbackServerContext& context_;
  const grpc::ByteBuffer& request_;
  grpc::ByteBuffer& response_;
  const Started started_;
  /// What the query views.
  std::optional<MessageBytes> bytes_;
  std::mutex mutex_;
  bool cancelled_ = false;
  std::string path_;
  /// Made when the call goes to the Python server.
  std::optional<grpc::ClientContext> upstream_;
};

/// Answers on this thread.
grpc::ServerUnaryReactor* answer_at_once(FrontState& front, Rpc rpc, grpc::CallbackServerContext& context,
                                         const grpc::ByteBuffer& request, grpc::ByteBuffer& response, Started started) {
  const MessageBytes bytes(request);
  auto query = front.queries.read(rpc, bytes.view());
  front.queries.answer({&query, 1});
  if (query.reason != ForwardReason::kNone) {
    return forward_unary(front, rpc, context, request, response, query.reason);
  }
  write_answer(front, query, response);
  front.counts.call(rpc, grpc::StatusCode::OK, started);
  front.calls.leave();
  auto* reactor = context.DefaultReactor();
  reactor->Finish(grpc::Status::OK);
  return reactor;
}

}  // namespace

grpc::ServerUnaryReactor* serve_unary(FrontState& front, Rpc rpc, grpc::CallbackServerContext& context,
                                      const grpc::ByteBuffer& request, grpc::ByteBuffer& response) {
  if (!request.Valid()) return refuse_without_request(context);
  const auto started = CallCounts::Clock::now();
  if (const auto* refusal = refuse_call(front, rpc, context)) return refuse_unary(context, *refusal);
  if (front.is_short) {
    return answer_at_once(front, rpc, context, request, response, started);
  }
  auto* call = new UnaryCall(front, rpc, context, request, response, started);
  call->begin();
  return call;
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
