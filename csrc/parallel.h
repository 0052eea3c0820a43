#pragma once

#include <functional>

namespace recstream {

/// Threads that `wanted` means: itself when positive, one per core when 0. Throws std::invalid_argument when negative.
int thread_count(int wanted);

/// Calls `part(0) .. part(parts - 1)`, the first on this thread, each other one on a thread of its own, and waits for
/// all. When the system gives no more threads, the rest runs here. The first exception is rethrown.
void run_parts(int parts, const std::function<void(int)>& part);

}  // namespace recstream
