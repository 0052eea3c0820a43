#include "transport/write_call.h"

#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "transport/call_admission.h"
#include "transport/message_bytes.h"
#include "transport/status_message.h"
#include "transport/unary_call.h"
#include "transport/wire_writer.h"

namespace recstream::transport {
namespace {

using Started = CallCounts::Clock::time_point;

/// The response to WriteUserEvent, or an entry of the one to BatchWriteUserEvents.
std::string acknowledged(const EventOutcome& outcome) {
  return acknowledgement(outcome.event_id, outcome.state_version, outcome.duplicate);
}

/// Waits for its events to be stored.
class WriteCall final : public grpc::ServerUnaryReactor, private EventReceiver {
 public:
  WriteCall(FrontState& front, Rpc rpc, grpc::ByteBuffer& response, Started started)
      : front_(front), rpc_(rpc), response_(response), started_(started) {}

  /// The end may come before the return.
  void begin(const std::vector<EventMessage>& messages) {
    std::vector<QueuedEvent> events;
    events.reserve(messages.size());
    EventReceiver& receiver = *this;
    for (const auto& message : messages) events.emplace_back(message, receiver);
    const std::scoped_lock lock(mutex_);
    open_ = events.size();
    outcomes_.reserve(open_);
    refused_ = open_ - front_.events->push(std::move(events));
    add({});
  }

  void OnDone() override {
    {
      const std::scoped_lock lock(mutex_);
    }
    leave_call(front_, rpc_);
    delete this;
  }

 private:
  void on_outcomes(std::span<const EventOutcome> outcomes) override {
    const std::scoped_lock lock(mutex_);
    add(outcomes);
  }

  /// Those that had no room come last.
  void add(std::span<const EventOutcome> outcomes) {
    outcomes_.insert(outcomes_.end(), outcomes.begin(), outcomes.end());
    if (outcomes_.size() + refused_ < open_) return;
    outcomes_.resize(open_, front_.events->refusal());
    end(rpc_ == Rpc::kWriteUserEvent ? answer_one() : answer_all());
  }

  grpc::Status answer_one() {
    const auto& outcome = outcomes_.front();
    if (outcome.error) return read_status(*outcome.error);
    response_ = to_message(acknowledged(outcome));
    return grpc::Status::OK;
  }

  grpc::Status answer_all() {
    std::string bytes;
    for (const auto& outcome : outcomes_) {
      std::string result;
      append_bytes(result, outcome.error ? 2 : 1, outcome.error ? *outcome.error : acknowledged(outcome));
      append_bytes(bytes, 1, result);
      front_.counts.message(rpc_, outcome.code, status_of(outcome));
    }
    response_ = to_message(bytes);
    return grpc::Status::OK;
  }

  void end(const grpc::Status& status) {
    front_.counts.call(rpc_, status.error_code(), started_, status.error_details());
    Finish(status);
  }

  FrontState& front_;
  const Rpc rpc_;
  grpc::ByteBuffer& response_;
  const Started started_;
  std::mutex mutex_;
  std::size_t open_ = 0;
  std::size_t refused_ = 0;
  std::vector<EventOutcome> outcomes_;
};

bool read(Rpc rpc, std::string_view bytes, const EventRules& rules, std::vector<EventMessage>& events) {
  if (rpc == Rpc::kWriteUserEvent) return read_write(bytes, rules, events.emplace_back());
  return read_batch_write(bytes, rules, events);
}

}  // namespace

grpc::ServerUnaryReactor* serve_write(FrontState& front, Rpc rpc, grpc::CallbackServerContext& context,
                                      const grpc::ByteBuffer& request, grpc::ByteBuffer& response) {
  if (!request.Valid()) return refuse_without_request(context);
  const auto started = CallCounts::Clock::now();
  if (const auto* refusal = refuse_call(front, rpc, context)) return refuse_unary(context, *refusal);
  const MessageBytes bytes(request);
  std::vector<EventMessage> events;
  if (!read(rpc, bytes.view(), front.events->rules(), events)) {
    return forward_unary(front, rpc, context, request, response, ForwardReason::kIrregular);
  }
  auto* call = new WriteCall(front, rpc, response, started);
  call->begin(events);
  return call;
}

}  // namespace recstream::transport
