#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "transport/event_messages.h"

namespace recstream::transport {

/// What became of an event.
struct EventOutcome {
  std::string event_id;
  std::int64_t state_version = 0;
  bool duplicate = false;
  /// gRPC's status code.
  int code = 0;
  /// A serialized google.rpc.Status; null when the event is stored.
  std::shared_ptr<const std::string> error;
};

/// A serialized google.rpc.Status, empty when the event is stored.
inline std::string_view status_of(const EventOutcome& outcome) {
  return outcome.error ? std::string_view(*outcome.error) : std::string_view();
}

/// Who handed events over.
class EventReceiver {
 public:
  /// Of its next events, in the order in which it pushed them. On a thread of the queue: what takes long is not for it.
  virtual void on_outcomes(std::span<const EventOutcome> outcomes) = 0;

 protected:
  ~EventReceiver() = default;
};

/// An event on its way to the log.
struct QueuedEvent {
  /// Copies the message; makes an id and a time where they are missing.
  QueuedEvent(const EventMessage& message, EventReceiver& who);

  std::string event_id;
  std::string user_id;
  std::string session_id;
  std::string item_id;
  std::size_t type;
  std::optional<double> value;
  std::int64_t time_us;
  std::string attribution_token;
  EventReceiver* receiver;
};

/// Events of all calls, in the order of their arrival, on their way to the one writer; and what became of them, on its
/// way back. Bounded: what has no room is answered at once. Safe to use from many threads; one of them, the writer's,
/// waits, takes and completes.
class EventQueue {
 public:
  /// `full` and `closed` are for events that have no room and for those that come too late.
  EventQueue(EventRules rules, std::int64_t limit, EventOutcome full, EventOutcome closed);
  /// Tells every receiver what is still to tell.
  ~EventQueue();
  EventQueue(const EventQueue&) = delete;
  EventQueue& operator=(const EventQueue&) = delete;

  /// Of what is pushed here.
  const EventRules& rules() const { return rules_; }

  /// Queues the first events, as many as there is room for, and returns how many those are; the others are left to the
  /// caller, to whom `refusal` says what to answer. Receivers must live until they were told of all that was queued.
  std::size_t push(std::vector<QueuedEvent> events);
  EventOutcome refusal() const;

  /// Returns when events wait, after `wake`, or after the time, if one is given.
  void wait(std::optional<double> seconds);
  void wake();

  /// Says how many events wait elsewhere and share the limit.
  void set_others(std::int64_t waiting) { others_ = waiting; }

  /// Takes up to `limit` events out; they are the writer's until `complete` tells what became of them, in the order
  /// taken. The pointers live as long.
  std::vector<const QueuedEvent*> take(std::size_t limit);
  /// One outcome for each event taken; the event ids are filled in. The receivers are told by a thread of the queue.
  void complete(std::vector<EventOutcome> outcomes);

  /// Refuses events from now on, and answers all that are not yet complete as refused; they may be stored all the same.
  void close();

  std::int64_t waiting() const;
  /// Events that were ever queued, and taken.
  std::int64_t arrived() const { return arrived_; }
  std::int64_t taken() const { return taken_; }

 private:
  struct Told {
    EventReceiver* receiver;
    EventOutcome outcome;
  };

  void tell();
  void finish(std::deque<QueuedEvent>& events, std::vector<EventOutcome> outcomes);

  const EventRules rules_;
  const std::size_t limit_;
  const EventOutcome full_;
  const EventOutcome shut_;
  std::atomic<std::int64_t> others_{0};
  std::atomic<std::int64_t> arrived_{0};
  std::atomic<std::int64_t> taken_{0};
  mutable std::mutex mutex_;
  std::condition_variable arrival_;
  bool woken_ = false;
  bool closed_ = false;
  std::deque<QueuedEvent> queue_;
  std::deque<QueuedEvent> in_work_;
  std::condition_variable news_;
  bool ended_ = false;
  std::deque<Told> told_;
  /// Last, so that it begins when the rest is there.
  std::thread teller_;
};

}  // namespace recstream::transport
