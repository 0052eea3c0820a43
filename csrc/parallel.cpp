#include "parallel.h"

#include <algorithm>
#include <exception>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

namespace recstream {

int thread_count(int wanted) {
  if (wanted < 0) throw std::invalid_argument("threads must be 0 or more, got " + std::to_string(wanted));
  if (wanted > 0) return wanted;
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

void run_parts(int parts, const std::function<void(int)>& part) {
  std::vector<std::exception_ptr> failures(static_cast<std::size_t>(parts));
  const auto guarded = [&](int p) noexcept {
    try {
      part(p);
    } catch (...) {
      failures[static_cast<std::size_t>(p)] = std::current_exception();
    }
  };
  {
    std::vector<std::jthread> threads;
    threads.reserve(static_cast<std::size_t>(parts));
    int started = 1;
    try {
      for (; started < parts; ++started) threads.emplace_back(guarded, started);
    } catch (const std::system_error&) {
      for (int p = started; p < parts; ++p) guarded(p);
    }
    guarded(0);
  }
  for (const auto& failure : failures) {
    if (failure) std::rethrow_exception(failure);
  }
}

}  // namespace recstream
