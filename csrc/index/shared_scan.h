#pragma once

#include <array>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <span>

#include "recstream/exact_index.h"

namespace recstream {

/// Lets searches that come at the same time share passes over the rows.
///
/// There are as many lanes as threads that may scan at once. A call that finds a lane free starts a pass at once, with
/// all that is queued; one that finds none queues. When a pass ends, the call that has waited longest wakes up as the
/// leader of the next one and takes along what has queued by then. Nobody waits for company: there is no timer, and
/// no thread that is not a caller's. Calls are answered in the order in which they came, up to the size of a pass.
class SharedScan {
 public:
  /// Queries that share a pass at most; a request with more has one to itself.
  static constexpr std::int64_t kMostQueries = 64;

  /// Answers the requests with up to so many threads; or throws, and may then be called for each of them alone.
  using Pass = std::function<void(std::span<const ScanRequest* const>, int threads)>;

  /// A pass takes up to `lanes_per_pass` of `lanes`, one for every `work_per_lane`.
  SharedScan(int lanes, int lanes_per_pass, std::int64_t work_per_lane, Pass pass);

  /// Has a pass answer the requests, on this thread or on that of another caller; throws what the pass throws for them.
  /// They are one with queries, or several with `kMostQueries` at most between them. `work` is in the unit of
  /// `work_per_lane`. Safe to call from many threads at once.
  void run(std::span<const ScanRequest> requests, std::int64_t work);

 private:
  /// A call under way, on the stack of its thread.
  struct Call {
    enum class State : std::uint8_t { kQueued, kLeads, kAnswered };

    Call(std::span<const ScanRequest> what, std::int64_t how_much);
    State wait();
    void wake(State reached);

    const std::span<const ScanRequest> requests;
    const std::int64_t work;
    std::int64_t queries = 0;
    std::exception_ptr failure;
    /// The one that came after it in the queue.
    Call* next = nullptr;
    std::mutex mutex;
    std::condition_variable woken;
    State state = State::kQueued;
  };

  /// What a pass answers.
  struct Requests {
    std::array<const ScanRequest*, kMostQueries> all;
    std::size_t size = 0;

    void add(const Call& call);
    std::span<const ScanRequest* const> view() const { return std::span(all).first(size); }
  };

  /// The calls of a pass, its leader's first.
  struct Batch {
    std::array<Call*, kMostQueries> calls;
    std::size_t size = 0;
    Requests requests;
    std::int64_t queries = 0;
    std::int64_t work = 0;
    int lanes = 0;

    bool has_room_for(const Call& call) const;
    void add(Call& call);
  };

  bool leads(Call& call);
  void take(Call& leader, Batch& batch);
  void answer(const Batch& batch) const;
  bool answer_together(const Batch& batch) const;
  void answer_alone(Call& call, int lanes) const;
  void finish(const Batch& batch);
  void enqueue(Call& call);
  Call* dequeue();
  void promote();

  const int lanes_per_pass_;
  const std::int64_t work_per_lane_;
  const Pass pass_;
  std::mutex mutex_;
  /// While calls are queued, either none is free or a leader that has been woken is about to take them.
  int free_lanes_;
  Call* first_ = nullptr;
  Call* last_ = nullptr;
};

}  // namespace recstream
