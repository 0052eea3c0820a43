#include "transport/call_admission.h"

#include <chrono>

namespace recstream::transport {
namespace {

/// Calls to others, such as health checks, are the Python server's to admit: a flood of calls must not make them fail.
Admission* admission_of(FrontState& front, Rpc rpc) {
  if (rpc == Rpc::kOther) return nullptr;
  return kind_of(rpc).is_stream ? &front.streams : &front.calls;
}

void count_refused(FrontState& front, Rpc rpc, const grpc::Status& refusal, CallCounts::Clock::time_point started) {
  const auto details = refusal.error_details();
  if (kind_of(rpc).is_stream) return front.counts.call(rpc, refusal.error_code(), details);
  front.counts.call(rpc, refusal.error_code(), started, details);
}

}  // namespace

bool is_expired(const grpc::CallbackServerContext& context) {
  return context.deadline() <= std::chrono::system_clock::now();
}

const grpc::Status* refuse_call(FrontState& front, Rpc rpc, const grpc::CallbackServerContext& context) {
  auto* admission = admission_of(front, rpc);
  if (admission == nullptr) return nullptr;
  const auto started = CallCounts::Clock::now();
  const grpc::Status* refusal = nullptr;
  if (!admission->enter()) {
    refusal = kind_of(rpc).is_stream ? &front.refusals.streams_overloaded : &front.refusals.calls_overloaded;
  } else if (front.closed || is_expired(context)) {
    admission->leave();
    refusal = front.closed ? &front.refusals.draining : &front.refusals.expired;
  }
  if (refusal != nullptr) count_refused(front, rpc, *refusal, started);
  return refusal;
}

void leave_call(FrontState& front, Rpc rpc) {
  if (auto* admission = admission_of(front, rpc)) admission->leave();
}

}  // namespace recstream::transport
