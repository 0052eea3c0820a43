#include "index/shared_scan.h"

#include <algorithm>
#include <utility>

namespace recstream {

SharedScan::SharedScan(int lanes, int lanes_per_pass, std::int64_t work_per_lane, Pass pass)
    : lanes_per_pass_(lanes_per_pass), work_per_lane_(work_per_lane), pass_(std::move(pass)), free_lanes_(lanes) {}

void SharedScan::run(std::span<const ScanRequest> requests, std::int64_t work) {
  Call call(requests, work);
  if (leads(call)) {
    Batch batch;
    take(call, batch);
    answer(batch);
    finish(batch);
  }
  if (call.failure) std::rethrow_exception(call.failure);
}

// With a lane in hand when it returns true; else the call has been answered.
bool SharedScan::leads(Call& call) {
  {
    const std::scoped_lock lock(mutex_);
    if (free_lanes_ > 0) {
      --free_lanes_;
      return true;
    }
    enqueue(call);
  }
  return call.wait() == Call::State::kLeads;
}

void SharedScan::take(Call& leader, Batch& batch) {
  batch.add(leader);
  const std::scoped_lock lock(mutex_);
  while (first_ != nullptr && batch.has_room_for(*first_)) batch.add(*dequeue());
  const auto most = std::min(lanes_per_pass_, free_lanes_ + 1);
  batch.lanes = static_cast<int>(std::clamp<std::int64_t>(batch.work / work_per_lane_, 1, most));
  free_lanes_ -= batch.lanes - 1;
  promote();
}

// What one call makes a pass throw, lack of memory for its k above all, is not for the others to suffer.
void SharedScan::answer(const Batch& batch) const {
  if (batch.size > 1 && answer_together(batch)) return;
  for (std::size_t i = 0; i < batch.size; ++i) answer_alone(*batch.calls[i], batch.lanes);
}

bool SharedScan::answer_together(const Batch& batch) const {
  try {
    pass_(batch.requests.view(), batch.lanes);
    return true;
  } catch (...) {
    return false;
  }
}

void SharedScan::answer_alone(Call& call, int lanes) const {
  Requests own;
  own.add(call);
  try {
    pass_(own.view(), lanes);
  } catch (...) {
    call.failure = std::current_exception();
  }
}

// Those who are answered wake up first: who asks again at once is in time for the next pass.
void SharedScan::finish(const Batch& batch) {
  for (std::size_t i = 1; i < batch.size; ++i) batch.calls[i]->wake(Call::State::kAnswered);
  const std::scoped_lock lock(mutex_);
  free_lanes_ += batch.lanes;
  promote();
}

void SharedScan::promote() {
  if (first_ == nullptr || free_lanes_ == 0) return;
  --free_lanes_;
  dequeue()->wake(Call::State::kLeads);
}

void SharedScan::enqueue(Call& call) {
  (first_ == nullptr ? first_ : last_->next) = &call;
  last_ = &call;
}

SharedScan::Call* SharedScan::dequeue() {
  Call* call = first_;
  first_ = call->next;
  return call;
}

SharedScan::Call::State SharedScan::Call::wait() {
  std::unique_lock lock(mutex);
  woken.wait(lock, [&] { return state != State::kQueued; });
  return state;
}

// With the mutex held, because the call may end as soon as it can see the state.
void SharedScan::Call::wake(State reached) {
  const std::scoped_lock lock(mutex);
  state = reached;
  woken.notify_one();
}

SharedScan::Call::Call(std::span<const ScanRequest> what, std::int64_t how_much) : requests(what), work(how_much) {
  for (const auto& request : requests) queries += request.queries.rows;
}

void SharedScan::Requests::add(const Call& call) {
  for (const auto& request : call.requests) all[size++] = &request;
}

bool SharedScan::Batch::has_room_for(const Call& call) const {
  return size < calls.size() && queries + call.queries <= kMostQueries;
}

void SharedScan::Batch::add(Call& call) {
  calls[size++] = &call;
  requests.add(call);
  queries += call.queries;
  work += call.work;
}

}  // namespace recstream
