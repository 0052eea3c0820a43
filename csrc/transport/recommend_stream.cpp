#include "transport/recommend_stream.h"

#include <mutex>
#include <optional>
#include <string>

#include "transport/call_admission.h"
#include "transport/message_bytes.h"
#include "transport/upstream_stream.h"

namespace recstream::transport {
namespace {

constexpr Rpc kRpc = Rpc::kStreamingRecommend;

/// Reads a message ahead while an answer is being made or sent. At most one answer is under way at a time, so a client
/// that does not read is not read from.
class RecommendStream final : public grpc::ServerGenericBidiReactor, private UpstreamListener, private Drainable {
 public:
  RecommendStream(FrontState& front, grpc::GenericCallbackServerContext& context) : front_(front), context_(context) {
    StartRead(&message_);
    front_.open_streams.add(*this);
  }

  void OnReadDone(bool ok) override {
    const std::scoped_lock lock(mutex_);
    (ok ? has_message_ : half_closed_) = true;
    advance();
  }

  void OnWriteDone(bool ok) override {
    const std::scoped_lock lock(mutex_);
    answering_ = false;
    if (!ok) {
      broken_ = true;
      if (upstream_) upstream_->abandon();
    } else if (reads_upstream_) {
      --ahead_;
      upstream_->read(answer_);
    }
    reads_upstream_ = false;
    advance();
  }

  void OnCancel() override {
    const std::scoped_lock lock(mutex_);
    cancelled_ = true;
    if (upstream_) upstream_->cancel();
  }

  void OnDone() override {
    front_.open_streams.remove(*this);
    // The Python server has counted a call that it took part in.
    if (!upstream_) front_.counts.call(kRpc, cancelled_ ? code_of_cancelled() : status_.error_code());
    leave_call(front_, kRpc);
    delete this;
  }

 private:
  void drain() override {
    const std::scoped_lock lock(mutex_);
    draining_ = true;
    advance();
  }

  void on_upstream_written() override {
    const std::scoped_lock lock(mutex_);
    forwarding_ = false;
    StartRead(&message_);
  }

  void on_upstream_message() override {
    const std::scoped_lock lock(mutex_);
    answering_ = reads_upstream_ = true;
    StartWrite(&answer_);
  }

  void on_upstream_ended(const grpc::Status& status) override {
    const std::scoped_lock lock(mutex_);
    upstream_status_ = status;
    forwarding_ = false;
    advance();
  }

  /// Does what can be done next.
  void advance() {
    if (finished_ || answering_ || forwarding_) return;
    if (upstream_status_) return finish(*upstream_status_);
    if (broken_ || cancelled_) {
      // The other server's half has been told, and ends soon.
      if (!upstream_) finish(grpc::Status::CANCELLED);
      return;
    }
    if (has_message_) return take_message();
    if (half_closed_) return end();
    // With the other server involved it is that one's to end the stream.
    if (draining_ && !upstream_) finish(front_.refusals.draining);
  }

  void take_message() {
    has_message_ = false;
    if (ahead_ > 0) return forward(ForwardReason::kBehind);
    answering_ = true;
    if (front_.workers.runs_inline()) return deliver(answer());
    front_.workers.run([this] {
      const auto reason = answer();
      const std::scoped_lock lock(mutex_);
      deliver(reason);
    });
  }

  /// Needs no lock: while it runs, nobody else touches the message or the answer.
  ForwardReason answer() {
    thread_local std::string bytes;
    bytes.clear();
    const auto reason = front_.queries.answer_message(MessageBytes(message_).view(), bytes);
    if (reason == ForwardReason::kNone) own_answer_ = to_message(bytes);
    return reason;
  }

  void deliver(ForwardReason reason) {
    if (reason != ForwardReason::kNone) {
      answering_ = false;
      return forward(reason);
    }
    front_.counts.message(kRpc, grpc::StatusCode::OK);
    StartWrite(&own_answer_);
    StartRead(&message_);
  }

  void forward(ForwardReason reason) {
    front_.counts.forwarded(kRpc, reason);
    if (!upstream_) {
      UpstreamListener& listener = *this;
      upstream_.emplace(front_.upstream, context_.method(), context_, listener);
      upstream_->read(answer_);
    }
    ++ahead_;
    forwarding_ = true;
    upstream_->write(message_);
  }

  void end() {
    half_closed_ = false;
    if (upstream_) return upstream_->half_close();
    finish(grpc::Status::OK);
  }

  void finish(const grpc::Status& status) {
    finished_ = true;
    status_ = status;
    Finish(status);
  }

  int code_of_cancelled() const {
    return is_expired(context_) ? grpc::StatusCode::DEADLINE_EXCEEDED : grpc::StatusCode::CANCELLED;
  }

  FrontState& front_;
  grpc::GenericCallbackServerContext& context_;
  std::mutex mutex_;
  grpc::ByteBuffer message_;
  grpc::ByteBuffer own_answer_;
  grpc::ByteBuffer answer_;
  std::optional<UpstreamStream> upstream_;
  std::optional<grpc::Status> upstream_status_;
  grpc::Status status_;
  /// Messages that were forwarded and whose answers are not yet sent.
  int ahead_ = 0;
  bool has_message_ = false;
  bool half_closed_ = false;
  /// An answer is being made or sent; of the two kinds, one that came from upstream.
  bool answering_ = false;
  bool reads_upstream_ = false;
  /// `message_` is being sent upstream.
  bool forwarding_ = false;
  bool broken_ = false;
  bool cancelled_ = false;
  bool draining_ = false;
  bool finished_ = false;
};

}  // namespace

grpc::ServerGenericBidiReactor* serve_recommend_stream(FrontState& front, grpc::GenericCallbackServerContext& context) {
  return new RecommendStream(front, context);
}

}  // namespace recstream::transport
