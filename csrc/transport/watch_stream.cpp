#include "transport/watch_stream.h"

#include <grpcpp/impl/codegen/server_callback_handlers.h>
#include <grpcpp/server_context.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>

#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "transport/call_admission.h"
#include "transport/message_bytes.h"
#include "transport/upstream_stream.h"
#include "transport/watch_messages.h"

namespace recstream::transport {
namespace {

using Reactor = grpc::ServerWriteReactor<grpc::ByteBuffer>;

constexpr auto kRpc = Rpc::kWatchRecommendations;

// Everything happens under the mutex, also the calls of gRPC: whoever ends the stream still holds it, so OnDone waits
// for them to be through. The hub and the workers keep the stream alive while they need it.
class WatchStream final : public Reactor,
                          public Watcher,
                          private UpstreamListener,
                          public Drainable,
                          public std::enable_shared_from_this<WatchStream> {
 public:
  WatchStream(FrontState& front, grpc::CallbackServerContext& context, const grpc::ByteBuffer& request)
      : front_(front), context_(context), request_(request) {}

  void begin() {
    self_ = shared_from_this();
    const MessageBytes bytes(request_);
    WatchMessage message;
    if (!read_watch(bytes.view(), message)) {
      const std::scoped_lock lock(mutex_);
      return forward(ForwardReason::kIrregular);
    }
    interval_ = message.min_interval;
    // Before the first list, so that nothing falls in between.
    front_.watchers->add(self_, {message.user_id, message.session_id});
    front_.open_streams.add(*this);
    ask();
  }

  void OnWriteDone(bool ok) override {
    const std::scoped_lock lock(mutex_);
    list_.Clear();
    if (state_ == State::kForwarded) return ok ? upstream_->read(list_) : upstream_->abandon();
    if (ok) front_.counts.message(kRpc, grpc::StatusCode::OK);
    gone_ |= !ok;
    due_ = WatchHub::Clock::now() + interval_;
    rest();
  }

  void OnCancel() override {
    const std::scoped_lock lock(mutex_);
    cancelled_ = gone_ = true;
    if (state_ == State::kForwarded) return upstream_->cancel();
    if (is_waiting()) rest();
  }

  void OnDone() override {
    front_.open_streams.remove(*this);
    {
      const std::scoped_lock lock(mutex_);
      leave_hub();
    }
    // The Python server has counted a call that it took part in.
    if (!upstream_) front_.counts.call(kRpc, cancelled_ ? code_of_cancelled() : code_);
    leave_call(front_, kRpc);
    const auto self = std::move(self_);
  }

  void on_changed() override {
    const std::scoped_lock lock(mutex_);
    changed_ = true;
    if (state_ == State::kIdle) rest();
  }

  void on_time() override {
    {
      const std::scoped_lock lock(mutex_);
      if (state_ != State::kDue) return;
      state_ = State::kAsking;
      changed_ = false;
    }
    ask();
  }

  void drain() override {
    const std::scoped_lock lock(mutex_);
    draining_ = true;
    if (is_waiting()) rest();
  }

 private:
  enum class State : std::uint8_t { kAsking, kWriting, kIdle, kDue, kForwarded, kFinished };

  void on_upstream_written() override {
    const std::scoped_lock lock(mutex_);
    upstream_->half_close();
  }

  void on_upstream_message() override {
    const std::scoped_lock lock(mutex_);
    if (version_ && !renew_list()) return upstream_->read(list_);
    StartWrite(&list_);
  }

  void on_upstream_ended(const grpc::Status& status) override {
    const std::scoped_lock lock(mutex_);
    finish(status);
  }

  bool is_waiting() const { return state_ == State::kIdle || state_ == State::kDue; }

  void ask() {
    if (front_.workers.runs_inline()) return answer();
    front_.workers.run([self = shared_from_this()] { self->answer(); });
  }

  void answer() {
    const MessageBytes bytes(request_);
    WatchMessage message;
    read_watch(bytes.view(), message);
    auto query = front_.queries.read(Rpc::kRecommendItems, message.recommend);
    front_.queries.answer({&query, 1});
    const std::scoped_lock lock(mutex_);
    conclude(query);
  }

  void conclude(const NativeQuery& query) {
    if (gone_) return rest();
    if (query.reason != ForwardReason::kNone) return forward(query.reason);
    const auto version = query.answer.state_version;
    if (version == version_) return rest();
    std::string recommendation;
    front_.queries.append(query, recommendation);
    list_ = to_message(watched_list(recommendation, version_ ? WatchCause::kEvent : WatchCause::kInitial));
    version_ = version;
    state_ = State::kWriting;
    StartWrite(&list_);
  }

  /// Does what is to do between two lists.
  void rest() {
    if (gone_) return finish(grpc::Status::CANCELLED);
    if (draining_) return finish(front_.refusals.draining);
    state_ = State::kIdle;
    if (!changed_) return;
    state_ = State::kDue;
    front_.watchers->call_at(due_, self_);
  }

  void finish(const grpc::Status& status) {
    state_ = State::kFinished;
    code_ = status.error_code();
    Finish(status);
  }

  void leave_hub() {
    const MessageBytes bytes(request_);
    WatchMessage message;
    if (read_watch(bytes.view(), message)) {
      front_.watchers->remove(self_, {message.user_id, message.session_id}, due_);
    }
  }

  void forward(ForwardReason reason) {
    state_ = State::kForwarded;
    leave_hub();
    front_.counts.forwarded(kRpc, reason);
    UpstreamListener& listener = *this;
    upstream_ = std::make_unique<UpstreamStream>(front_.upstream, kind_of(kRpc).path, context_, listener);
    upstream_->read(list_);
    upstream_->write(request_);
  }

  /// Makes of the first list of a stream that Python took over the next one of this stream; false when it is not new.
  bool renew_list() {
    const MessageBytes bytes(list_);
    const auto recommendation = recommendation_in(bytes.view());
    const bool is_new = version_ != state_version_in(recommendation);
    version_.reset();
    if (is_new) list_ = to_message(watched_list(recommendation, WatchCause::kEvent));
    return is_new;
  }

  int code_of_cancelled() const {
    return is_expired(context_) ? grpc::StatusCode::DEADLINE_EXCEEDED : grpc::StatusCode::CANCELLED;
  }

  FrontState& front_;
  grpc::CallbackServerContext& context_;
  /// gRPC's, until OnDone.
  const grpc::ByteBuffer& request_;
  std::mutex mutex_;
  /// Until OnDone.
  std::shared_ptr<WatchStream> self_;
  std::chrono::nanoseconds interval_{0};
  /// When the next list may be sent.
  WatchHub::Clock::time_point due_;
  /// Of the last list that was made here; none before the first.
  std::optional<std::int64_t> version_;
  grpc::ByteBuffer list_;
  std::unique_ptr<UpstreamStream> upstream_;
  State state_ = State::kAsking;
  /// Events came since the last list was begun.
  bool changed_ = false;
  bool cancelled_ = false;
  /// Nobody reads the lists.
  bool gone_ = false;
  bool draining_ = false;
  int code_ = 0;
};

class Refusal final : public Reactor {
 public:
  explicit Refusal(const grpc::Status& status) { Finish(status); }
  void OnDone() override { delete this; }
};

Reactor* serve_watch(FrontState& front, grpc::CallbackServerContext& context, const grpc::ByteBuffer& request) {
  if (!request.Valid()) return new Refusal({grpc::StatusCode::INVALID_ARGUMENT, "the call came without a request"});
  if (const auto* refusal = refuse_call(front, kRpc, context)) return new Refusal(*refusal);
  const auto stream = std::make_shared<WatchStream>(front, context, request);
  stream->begin();
  return stream.get();
}

/// Registered by name, the call comes with its request already read.
class WatchService final : public grpc::Service {
 public:
  explicit WatchService(FrontState& front) {
    AddMethod(
        new grpc::internal::RpcServiceMethod(kind_of(kRpc).path, grpc::internal::RpcMethod::SERVER_STREAMING, nullptr));
    MarkMethodRawCallback(0, new grpc::internal::CallbackServerStreamingHandler<grpc::ByteBuffer, grpc::ByteBuffer>(
                                 [&front](grpc::CallbackServerContext* context, const grpc::ByteBuffer* request) {
                                   return serve_watch(front, *context, *request);
                                 }));
  }
};

}  // namespace

std::unique_ptr<grpc::Service> make_watch_service(FrontState& front) { return std::make_unique<WatchService>(front); }

}  // namespace recstream::transport
