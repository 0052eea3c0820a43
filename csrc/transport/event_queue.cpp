#include "transport/event_queue.h"

#include <algorithm>
#include <chrono>
#include <iterator>

#include "transport/event_id.h"

namespace recstream::transport {
namespace {

std::int64_t now_us() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::microseconds>(now).count();
}

}  // namespace

QueuedEvent::QueuedEvent(const EventMessage& message, EventReceiver& who)
    : event_id(message.event_id.empty() ? new_event_id() : std::string(message.event_id)),
      user_id(message.user_id),
      session_id(message.session_id),
      item_id(message.item_id),
      type(message.type),
      value(message.value),
      time_us(message.time_us ? *message.time_us : now_us()),
      attribution_token(message.attribution_token),
      receiver(&who) {}

EventQueue::EventQueue(EventRules rules, std::int64_t limit, EventOutcome full, EventOutcome closed)
    : rules_(std::move(rules)),
      limit_(static_cast<std::size_t>(limit)),
      full_(std::move(full)),
      shut_(std::move(closed)),
      teller_([this] { tell(); }) {}

EventQueue::~EventQueue() {
  close();
  {
    const std::scoped_lock lock(mutex_);
    ended_ = true;
  }
  news_.notify_one();
  teller_.join();
}

std::size_t EventQueue::push(std::vector<QueuedEvent> events) {
  std::size_t queued = 0;
  {
    const std::scoped_lock lock(mutex_);
    const auto waiting = queue_.size() + static_cast<std::size_t>(others_.load());
    const auto room = closed_ || waiting >= limit_ ? 0 : limit_ - waiting;
    queued = std::min(room, events.size());
    std::move(events.begin(), events.begin() + static_cast<std::ptrdiff_t>(queued), std::back_inserter(queue_));
    arrived_ += static_cast<std::int64_t>(queued);
  }
  if (queued > 0) arrival_.notify_one();
  return queued;
}

EventOutcome EventQueue::refusal() const {
  const std::scoped_lock lock(mutex_);
  return closed_ ? shut_ : full_;
}

void EventQueue::wait(std::optional<double> seconds) {
  std::unique_lock lock(mutex_);
  const auto ready = [this] { return woken_ || !queue_.empty(); };
  if (seconds) {
    arrival_.wait_for(lock, std::chrono::duration<double>(*seconds), ready);
  } else {
    arrival_.wait(lock, ready);
  }
  woken_ = false;
}

void EventQueue::wake() {
  {
    const std::scoped_lock lock(mutex_);
    woken_ = true;
  }
  arrival_.notify_one();
}

std::vector<const QueuedEvent*> EventQueue::take(std::size_t limit) {
  const std::scoped_lock lock(mutex_);
  std::vector<const QueuedEvent*> events;
  while (!queue_.empty() && events.size() < limit) {
    events.push_back(&in_work_.emplace_back(std::move(queue_.front())));
    queue_.pop_front();
  }
  taken_ += static_cast<std::int64_t>(events.size());
  return events;
}

void EventQueue::complete(std::vector<EventOutcome> outcomes) {
  {
    const std::scoped_lock lock(mutex_);
    finish(in_work_, std::move(outcomes));
  }
  news_.notify_one();
}

void EventQueue::close() {
  {
    const std::scoped_lock lock(mutex_);
    closed_ = true;
    taken_ += static_cast<std::int64_t>(queue_.size());
    for (auto* events : {&in_work_, &queue_}) {
      finish(*events, std::vector<EventOutcome>(events->size(), shut_));
    }
  }
  news_.notify_one();
}

std::int64_t EventQueue::waiting() const {
  const std::scoped_lock lock(mutex_);
  return static_cast<std::int64_t>(queue_.size());
}

// After `close` there may be fewer events than outcomes.
void EventQueue::finish(std::deque<QueuedEvent>& events, std::vector<EventOutcome> outcomes) {
  for (auto& outcome : outcomes) {
    if (events.empty()) return;
    auto& event = events.front();
    outcome.event_id = std::move(event.event_id);
    told_.push_back({event.receiver, std::move(outcome)});
    events.pop_front();
  }
}

void EventQueue::tell() {
  std::vector<EventOutcome> outcomes;
  std::unique_lock lock(mutex_);
  while (true) {
    news_.wait(lock, [this] { return ended_ || !told_.empty(); });
    if (told_.empty()) return;
    auto* const receiver = told_.front().receiver;
    outcomes.clear();
    while (!told_.empty() && told_.front().receiver == receiver) {
      outcomes.push_back(std::move(told_.front().outcome));
      told_.pop_front();
    }
    lock.unlock();
    receiver->on_outcomes(outcomes);
    lock.lock();
  }
}

}  // namespace recstream::transport
