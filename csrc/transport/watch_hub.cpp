#include "transport/watch_hub.h"

namespace recstream::transport {

void WatchHub::Register::add(const std::shared_ptr<Watcher>& watcher, std::string_view id) {
  if (!id.empty()) watchers_[std::string(id)].insert(watcher);
}

void WatchHub::Register::remove(const std::shared_ptr<Watcher>& watcher, std::string_view id) {
  const auto found = watchers_.find(id);
  if (found == watchers_.end()) return;
  found->second.erase(watcher);
  if (found->second.empty()) watchers_.erase(found);
}

void WatchHub::Register::find(std::string_view id, Watchers& found) const {
  if (watchers_.empty() || id.empty()) return;
  if (const auto entry = watchers_.find(id); entry != watchers_.end()) {
    found.insert(found.end(), entry->second.begin(), entry->second.end());
  }
}

WatchHub::WatchHub() : thread_([this] { run(); }) {}

WatchHub::~WatchHub() {
  {
    const std::scoped_lock lock(mutex_);
    ended_ = true;
  }
  news_.notify_one();
  thread_.join();
}

void WatchHub::add(const std::shared_ptr<Watcher>& watcher, Subject subject) {
  const std::scoped_lock lock(mutex_);
  users_.add(watcher, subject.first);
  sessions_.add(watcher, subject.second);
}

void WatchHub::remove(const std::shared_ptr<Watcher>& watcher, Subject subject, Clock::time_point time) {
  const std::scoped_lock lock(mutex_);
  users_.remove(watcher, subject.first);
  sessions_.remove(watcher, subject.second);
  times_.erase({time, watcher});
}

// Under the lock, because a watcher that is added after this look must begin with what was applied before it.
bool WatchHub::is_watched() const {
  const std::scoped_lock lock(mutex_);
  return !users_.empty() || !sessions_.empty();
}

void WatchHub::notify(std::span<const Subject> changed) {
  {
    const std::scoped_lock lock(mutex_);
    for (const auto& [user_id, session_id] : changed) {
      users_.find(user_id, changed_);
      sessions_.find(session_id, changed_);
    }
    if (changed_.empty()) return;
  }
  news_.notify_one();
}

void WatchHub::call_at(Clock::time_point time, std::shared_ptr<Watcher> watcher) {
  {
    const std::scoped_lock lock(mutex_);
    times_.emplace(time, std::move(watcher));
  }
  news_.notify_one();
}

void WatchHub::run() {
  std::unique_lock lock(mutex_);
  while (wait(lock)) {
    const auto changed = std::exchange(changed_, {});
    const auto due = take_due();
    lock.unlock();
    for (const auto& watcher : changed) watcher->on_changed();
    for (const auto& watcher : due) watcher->on_time();
    lock.lock();
  }
}

/// Returns when somebody may be to be told; false at the end.
bool WatchHub::wait(std::unique_lock<std::mutex>& lock) {
  if (ended_) return false;
  if (!changed_.empty()) return true;
  if (times_.empty()) {
    news_.wait(lock);
  } else {
    // A copy: the watcher may leave, and its time with it, while this waits.
    const auto next = times_.begin()->first;
    news_.wait_until(lock, next);
  }
  return !ended_;
}

WatchHub::Watchers WatchHub::take_due() {
  Watchers due;
  const auto now = Clock::now();
  while (!times_.empty() && times_.begin()->first <= now) {
    due.push_back(std::move(times_.extract(times_.begin()).value().second));
  }
  return due;
}

}  // namespace recstream::transport
