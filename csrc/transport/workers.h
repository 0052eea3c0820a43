#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace recstream::transport {

/// Threads for work that would hold up the connections. Without threads, work runs where it is handed over.
class Workers {
 public:
  explicit Workers(int threads);
  /// Does what was handed over, then ends.
  ~Workers();
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  bool runs_inline() const { return threads_.empty(); }

  /// `work` must not throw. The queue has no bound of its own: whoever hands work over does not hand over more before
  /// it is done.
  void run(std::function<void()> work);

 private:
  void serve();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> queue_;
  bool closed_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace recstream::transport
