#pragma once

#include <chrono>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <source_location>
#include <thread>
#include <vector>

namespace recstream::stress {

using Clock = std::chrono::steady_clock;

/// Ends the program, with the place, when a promise is broken; threads that run leave no better way.
inline void require(bool holds, const char* promise, std::source_location place = std::source_location::current()) {
  if (holds) return;
  std::cerr << place.file_name() << ':' << place.line() << ": " << promise << '\n';
  std::_Exit(1);
}

/// Calls each work over and over, on a thread of its own, until the time is up.
inline void run_until(Clock::time_point deadline, const std::vector<std::function<void()>>& works) {
  std::vector<std::jthread> threads;
  for (const auto& work : works) {
    threads.emplace_back([&work, deadline] {
      while (Clock::now() < deadline) work();
    });
  }
}

/// Search, rank, upsert, delete, merge and swap of indexes, 8 threads.
void stress_index(Clock::time_point deadline);

/// Searches that use several threads each and share passes; errors that stay with their caller.
void stress_shared_scan(Clock::time_point deadline);

/// Events, recommendations, snapshots, and swap of engines, 8 threads.
void stress_engine(Clock::time_point deadline);

}  // namespace recstream::stress
