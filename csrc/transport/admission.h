#pragma once

#include <atomic>
#include <cstdint>

namespace recstream::transport {

/// Counts what is at work, and refuses what is over the limit. Safe to use from many threads.
class Admission {
 public:
  explicit Admission(std::int64_t limit) : limit_(limit) {}

  /// False when the limit is reached; `leave` must follow otherwise.
  bool enter() {
    arrived_.fetch_add(1, std::memory_order_relaxed);
    if (inside_.fetch_add(1, std::memory_order_relaxed) < limit_) return true;
    leave();
    return false;
  }
  void leave() { inside_.fetch_sub(1, std::memory_order_relaxed); }

  std::int64_t inside() const { return inside_.load(std::memory_order_relaxed); }
  /// All that ever came, refused ones too.
  std::int64_t arrived() const { return arrived_.load(std::memory_order_relaxed); }

 private:
  const std::int64_t limit_;
  std::atomic<std::int64_t> inside_{0};
  std::atomic<std::int64_t> arrived_{0};
};

}  // namespace recstream::transport
