#include "transport/forwarded_stream.h"

#include "transport/call_admission.h"
#include "transport/upstream_stream.h"

namespace recstream::transport {
namespace {

class ForwardedStream final : public grpc::ServerGenericBidiReactor, private UpstreamListener {
 public:
  ForwardedStream(FrontState& front, Rpc rpc, grpc::GenericCallbackServerContext& context)
      : front_(front), rpc_(rpc), upstream_(front.upstream, context.method(), context, *this) {
    upstream_.read(answer_);
    StartRead(&message_);
  }

  void OnReadDone(bool ok) override {
    if (ok) return upstream_.write(message_);
    upstream_.half_close();
  }

  void OnWriteDone(bool ok) override {
    if (ok) return upstream_.read(answer_);
    upstream_.abandon();
  }

  void OnCancel() override { upstream_.cancel(); }

  void OnDone() override {
    leave_call(front_, rpc_);
    delete this;
  }

 private:
  void on_upstream_written() override { StartRead(&message_); }
  void on_upstream_message() override { StartWrite(&answer_); }
  void on_upstream_ended(const grpc::Status& status) override { Finish(status); }

  FrontState& front_;
  const Rpc rpc_;
  grpc::ByteBuffer message_;
  grpc::ByteBuffer answer_;
  UpstreamStream upstream_;
};

class Refusal final : public grpc::ServerGenericBidiReactor {
 public:
  explicit Refusal(const grpc::Status& status) { Finish(status); }
  void OnDone() override { delete this; }
};

}  // namespace

grpc::ServerGenericBidiReactor* forward_stream(FrontState& front, Rpc rpc, grpc::GenericCallbackServerContext& context,
                                               ForwardReason reason) {
  front.counts.forwarded(rpc, reason);
  return new ForwardedStream(front, rpc, context);
}

grpc::ServerGenericBidiReactor* refuse_stream(const grpc::Status& status) { return new Refusal(status); }

}  // namespace recstream::transport
