#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

namespace recstream::transport {

/// Waits for events of a user or a session. Told on the thread of the hub.
class Watcher {
 public:
  virtual ~Watcher() = default;
  /// Events of its user or session are applied; they may have been in its last list already.
  virtual void on_changed() = 0;
  /// The time that it asked for has come.
  virtual void on_time() = 0;
};

/// Finds the watchers of the users and sessions that events have changed, and tells them on a thread of its own, which
/// also keeps their times. Nobody is told while a lock is held, so watchers may call the hub under their own, and may
/// be told once more after they left. Safe to use from many threads.
class WatchHub {
 public:
  using Clock = std::chrono::steady_clock;
  /// (user_id, session_id); either may be empty.
  using Subject = std::pair<std::string_view, std::string_view>;

  WatchHub();
  ~WatchHub();
  WatchHub(const WatchHub&) = delete;
  WatchHub& operator=(const WatchHub&) = delete;

  /// Has the watcher told of all that is applied from now on.
  void add(const std::shared_ptr<Watcher>& watcher, Subject subject);
  /// Also forgets the time that was asked for, if it has not come. May be called again.
  void remove(const std::shared_ptr<Watcher>& watcher, Subject subject, Clock::time_point time);

  /// False when nobody is to be told of events that are applied now.
  bool is_watched() const;
  /// Says whose events were applied. Takes time for looking them up, not for what the watchers do.
  void notify(std::span<const Subject> changed);

  /// Has a watcher told at this time, or at once when it has passed.
  void call_at(Clock::time_point time, std::shared_ptr<Watcher> watcher);

 private:
  using Watchers = std::vector<std::shared_ptr<Watcher>>;

  struct Hash : std::hash<std::string_view> {
    using is_transparent = void;
  };

  /// Those who watch one kind of subject.
  class Register {
   public:
    void add(const std::shared_ptr<Watcher>& watcher, std::string_view id);
    void remove(const std::shared_ptr<Watcher>& watcher, std::string_view id);
    void find(std::string_view id, Watchers& found) const;
    bool empty() const { return watchers_.empty(); }

   private:
    std::unordered_map<std::string, std::set<std::shared_ptr<Watcher>>, Hash, std::equal_to<>> watchers_;
  };

  void run();
  bool wait(std::unique_lock<std::mutex>& lock);
  Watchers take_due();

  mutable std::mutex mutex_;
  std::condition_variable news_;
  Register users_;
  Register sessions_;
  /// To be told of a change.
  Watchers changed_;
  std::set<std::pair<Clock::time_point, std::shared_ptr<Watcher>>> times_;
  bool ended_ = false;
  /// Last, so that it begins when the rest is there.
  std::thread thread_;
};

}  // namespace recstream::transport
