#include "transport/ordered_stream.h"

#include <algorithm>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "transport/call_admission.h"
#include "transport/message_bytes.h"
#include "transport/stream_messages.h"
#include "transport/upstream_stream.h"

namespace recstream::transport {
namespace {

/// No more answers are made while as much waits to be sent.
constexpr std::size_t kMostReadyBytes = std::size_t{64} << 10;

/// A message that was taken and whose answer is not yet sent.
struct Slot {
  enum class State : std::uint8_t { kQueued, kQuery, kAsking, kToForward, kForwarded, kAnswered };

  State state;
  std::uint64_t sequence = 0;
  ForwardReason reason = ForwardReason::kNone;
  /// What came, as long as it is needed; then the answer.
  grpc::ByteBuffer message = {};
  /// Whom a query is about.
  std::string user_id = {};
  std::string session_id = {};
  /// What a query that is being asked views, and who waits for it.
  std::optional<MessageBytes> bytes = std::nullopt;
  std::unique_ptr<Asker> asker = nullptr;

  bool is_open_query_about(const EventMessage& event) const {
    return (state == State::kQuery || state == State::kAsking) &&
           ((!user_id.empty() && user_id == event.user_id) || (!session_id.empty() && session_id == event.session_id));
  }
};

using State = Slot::State;

// Everything happens under the mutex, also the calls of gRPC: whoever ends the stream still holds it, so OnDone waits
// for them to be through.
class OrderedStream final : public grpc::ServerGenericBidiReactor,
                            private UpstreamListener,
                            private EventReceiver,
                            public Drainable {
  /// Waits for the answer to the query in one slot.
  class SlotAsker final : public Asker {
   public:
    SlotAsker(OrderedStream& stream, Slot& slot) : stream_(stream), slot_(slot) {}

    bool wants_answer() override { return stream_.wants_answer(slot_); }
    std::string peer() const override { return stream_.context_.peer(); }
    void conclude(const NativeQuery& query) override { stream_.take_answer(slot_, query); }

   private:
    OrderedStream& stream_;
    Slot& slot_;
  };

 public:
  OrderedStream(FrontState& front, Rpc rpc, grpc::GenericCallbackServerContext& context)
      : front_(front), rpc_(rpc), context_(context) {
    const std::scoped_lock lock(mutex_);
    StartRead(&message_);
  }

  void OnReadDone(bool ok) override {
    const std::scoped_lock lock(mutex_);
    (ok ? has_message_ : half_closed_) = true;
    if (ok) {
      bytes_.emplace(message_);
      parsed_ = read_stream_message(rpc_, bytes_->view(), front_.events->rules());
    }
    advance();
  }

  void OnWriteDone(bool ok) override {
    const std::scoped_lock lock(mutex_);
    writing_ = false;
    ready_bytes_ -= slots_.front().message.Length();
    slots_.pop_front();
    if (!ok) give_up();
    advance();
  }

  void OnCancel() override {
    const std::scoped_lock lock(mutex_);
    cancelled_ = true;
    give_up();
    advance();
  }

  void OnDone() override {
    front_.open_streams.remove(*this);
    {
      const std::scoped_lock lock(mutex_);
    }
    // The Python server has counted a call that it took part in.
    if (!upstream_) {
      front_.counts.call(rpc_, cancelled_ ? code_of_cancelled() : status_.error_code(), status_.error_details());
    }
    leave_call(front_, rpc_);
    delete this;
  }

  void drain() override {
    const std::scoped_lock lock(mutex_);
    draining_ = true;
    advance();
  }

 private:
  void on_outcomes(std::span<const EventOutcome> outcomes) override {
    const std::scoped_lock lock(mutex_);
    auto slot = slots_.begin();
    for (const auto& outcome : outcomes) {
      slot = std::find_if(slot, slots_.end(), [](const Slot& s) { return s.state == State::kQueued; });
      answer_event(*slot, outcome);
    }
    queued_ -= outcomes.size();
    advance();
  }

  void on_upstream_written() override {
    const std::scoped_lock lock(mutex_);
    forwarding_ = false;
    advance();
  }

  void on_upstream_message() override {
    const std::scoped_lock lock(mutex_);
    const auto slot =
        std::find_if(slots_.begin(), slots_.end(), [](const Slot& s) { return s.state == State::kForwarded; });
    if (slot != slots_.end()) {
      settle(*slot, answer_);
      --abroad_;
    }
    reading_upstream_ = false;
    if (gone_ && upstream_) upstream_->abandon();
    advance();
  }

  void on_upstream_ended(const grpc::Status& status) override {
    const std::scoped_lock lock(mutex_);
    upstream_status_ = status;
    forwarding_ = false;
    advance();
  }

  /// Does all that can be done now.
  void advance() {
    if (finished_) return;
    read_upstream();
    answer_queries();
    while (may_take() && take_message()) answer_queries();
    if (writing_) return;
    if (!gone_ && !slots_.empty() && slots_.front().state == State::kAnswered) return write();
    end_if_done();
  }

  bool may_take() const {
    return has_message_ && !gone_ && !upstream_status_ && slots_.size() < front_.stream_messages;
  }

  /// Gives the message at hand its slot; false when it has to wait for answers to others before it.
  bool take_message() {
    if (parsed_.kind == StreamMessage::Kind::kOther) {
      leave_to_others(add_slot(State::kToForward), ForwardReason::kIrregular);
    } else if (abroad_ > 0) {
      // One message for the other server must not keep a busy stream there for good.
      if (++since_forwarded_ > front_.stream_messages) return false;
      leave_to_others(add_slot(State::kToForward), ForwardReason::kBehind);
    } else if (parsed_.kind == StreamMessage::Kind::kQuery) {
      add_slot(State::kQuery);
    } else {
      const auto is_ahead = [this](const Slot& slot) { return slot.is_open_query_about(parsed_.event); };
      if (std::any_of(slots_.begin(), slots_.end(), is_ahead)) return false;
      queue_event();
    }
    has_message_ = false;
    bytes_.reset();
    if (!draining_) StartRead(&message_);
    return true;
  }

  Slot& add_slot(State state) {
    auto& slot = slots_.emplace_back(Slot{.state = state,
                                          .sequence = parsed_.sequence,
                                          .user_id = std::string(parsed_.user_id),
                                          .session_id = std::string(parsed_.session_id)});
    slot.message.Swap(&message_);
    return slot;
  }

  void queue_event() {
    auto& slot = slots_.emplace_back(Slot{.state = State::kQueued, .sequence = parsed_.sequence});
    ++queued_;
    std::vector<QueuedEvent> events;
    EventReceiver& receiver = *this;
    events.emplace_back(parsed_.event, receiver);
    if (front_.events->push(std::move(events)) == 1) return;
    --queued_;
    answer_event(slot, front_.events->refusal());
  }

  void answer_event(Slot& slot, const EventOutcome& outcome) {
    front_.counts.message(rpc_, outcome.code, status_of(outcome));
    auto answer = to_message(event_answer(rpc_, slot.sequence, outcome));
    settle(slot, answer);
  }

  /// Takes the answer out of where it is.
  void settle(Slot& slot, grpc::ByteBuffer& answer) {
    slot.state = State::kAnswered;
    ready_bytes_ += answer.Length();
    slot.bytes.reset();
    slot.message.Clear();
    slot.message.Swap(&answer);
  }

  /// Asks or forwards what all before it allows to. Queries with none but queries between them are asked together.
  void answer_queries() {
    bool behind = false;
    bool asking = false;
    for (auto& slot : slots_) {
      if (gone_ || upstream_status_ || slot.state == State::kQueued) return;
      if (slot.state == State::kQuery && behind) leave_to_others(slot, ForwardReason::kBehind);
      if (slot.state == State::kQuery && ready_bytes_ > kMostReadyBytes) return;
      if (slot.state == State::kQuery) ask(slot);
      asking |= slot.state == State::kAsking;
      if (slot.state == State::kToForward) {
        if (asking || forwarding_) return;
        forward(slot);
      }
      behind |= slot.state == State::kForwarded;
    }
  }

  void ask(Slot& slot) {
    slot.bytes.emplace(slot.message);
    const auto parsed = read_stream_message(rpc_, slot.bytes->view(), front_.events->rules());
    auto query = front_.queries.read(Rpc::kRecommendItems, parsed.query);
    if (query.reason != ForwardReason::kNone) return leave_to_others(slot, query.reason);
    if (front_.is_short) {
      front_.queries.answer({&query, 1});
      grpc::ByteBuffer answer;
      write_answer(slot.sequence, query, answer);
      return conclude(slot, query.reason, answer);
    }
    slot.state = State::kAsking;
    slot.asker = std::make_unique<SlotAsker>(*this, slot);
    if (query.scans()) return front_.batches.add(std::move(query), *slot.asker);
    front_.workers.run([this, &slot, query = std::move(query)]() mutable {
      if (!wants_answer(slot)) return;
      front_.queries.answer({&query, 1});
      take_answer(slot, query);
    });
  }

  /// False for a stream that has been given up; it may have ended then.
  bool wants_answer(Slot& slot) {
    const std::scoped_lock lock(mutex_);
    if (!gone_) return true;
    slot.state = State::kQuery;
    advance();
    return false;
  }

  void take_answer(Slot& slot, const NativeQuery& query) {
    grpc::ByteBuffer answer;
    write_answer(slot.sequence, query, answer);
    const std::scoped_lock lock(mutex_);
    conclude(slot, query.reason, answer);
    advance();
  }

  /// Nothing for a query without an answer.
  void write_answer(std::uint64_t sequence, const NativeQuery& query, grpc::ByteBuffer& answer) const {
    if (query.reason != ForwardReason::kNone) return;
    thread_local std::string bytes;
    bytes.clear();
    front_.queries.append(query, bytes);
    answer = to_message(query_answer(sequence, bytes));
  }

  void conclude(Slot& slot, ForwardReason reason, grpc::ByteBuffer& answer) {
    if (reason != ForwardReason::kNone) return leave_to_others(slot, reason);
    front_.counts.message(rpc_, grpc::StatusCode::OK);
    settle(slot, answer);
  }

  void leave_to_others(Slot& slot, ForwardReason reason) {
    ++abroad_;
    if (reason != ForwardReason::kBehind) since_forwarded_ = 0;
    slot.state = State::kToForward;
    slot.reason = reason;
  }

  void forward(Slot& slot) {
    front_.counts.forwarded(rpc_, slot.reason);
    const bool is_first = !upstream_.has_value();
    if (is_first) {
      UpstreamListener& listener = *this;
      upstream_.emplace(front_.upstream, context_.method(), context_, listener);
    }
    slot.state = State::kForwarded;
    forwarding_ = true;
    outgoing_.Clear();
    outgoing_.Swap(&slot.message);
    upstream_->write(outgoing_);
    if (is_first) read_upstream();
  }

  // Without a hint that more follows: gRPC 1.51 then holds back what nothing else flushes.
  void write() {
    writing_ = true;
    StartWrite(&slots_.front().message);
  }

  void give_up() {
    gone_ = true;
    if (upstream_ && !upstream_status_) reading_upstream_ ? upstream_->cancel() : upstream_->abandon();
  }

  /// Asks for the next answer, unless enough wait for a client that reads slowly.
  void read_upstream() {
    if (!upstream_ || upstream_status_ || reading_upstream_ || gone_ || ready_bytes_ > kMostReadyBytes) return;
    reading_upstream_ = true;
    upstream_->read(answer_);
  }

  void end_if_done() {
    const bool is_asking =
        std::any_of(slots_.begin(), slots_.end(), [](const Slot& slot) { return slot.state == State::kAsking; });
    if (queued_ > 0 || is_asking) return;
    if (gone_) {
      // The other server's half has been told, and ends soon.
      if (!upstream_ || upstream_status_) finish(grpc::Status::CANCELLED);
      return;
    }
    if (upstream_status_) return finish(*upstream_status_);
    if (!slots_.empty() || has_message_) return;
    if (half_closed_) return end();
    // With the other server involved it is that one's to end the stream.
    if (draining_ && !upstream_) finish(front_.refusals.draining);
  }

  void end() {
    if (!upstream_) return finish(grpc::Status::OK);
    if (forwarding_ || upstream_closed_) return;
    upstream_closed_ = true;
    upstream_->half_close();
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
  const Rpc rpc_;
  grpc::GenericCallbackServerContext& context_;
  std::mutex mutex_;
  std::deque<Slot> slots_;
  /// Slots with events in the queue, and those that the Python server is to answer.
  std::size_t queued_ = 0;
  std::size_t abroad_ = 0;
  /// Messages that followed one to the Python server since the last one that had to go there.
  std::size_t since_forwarded_ = 0;
  /// Size of the answers that are not yet sent.
  std::size_t ready_bytes_ = 0;
  /// What was read and has no slot yet.
  grpc::ByteBuffer message_;
  std::optional<MessageBytes> bytes_;
  StreamMessage parsed_;
  bool has_message_ = false;
  std::optional<UpstreamStream> upstream_;
  std::optional<grpc::Status> upstream_status_;
  grpc::ByteBuffer outgoing_;
  grpc::ByteBuffer answer_;
  /// An answer was asked for; `outgoing_` is in use.
  bool reading_upstream_ = false;
  bool forwarding_ = false;
  bool upstream_closed_ = false;
  bool half_closed_ = false;
  /// The first slot's answer is being sent.
  bool writing_ = false;
  bool cancelled_ = false;
  /// Nobody reads the answers.
  bool gone_ = false;
  bool draining_ = false;
  bool finished_ = false;
  grpc::Status status_;
};

}  // namespace

grpc::ServerGenericBidiReactor* serve_ordered_stream(FrontState& front, Rpc rpc,
                                                     grpc::GenericCallbackServerContext& context) {
  auto* stream = new OrderedStream(front, rpc, context);
  front.open_streams.add(*stream);
  return stream;
}

}  // namespace recstream::transport
