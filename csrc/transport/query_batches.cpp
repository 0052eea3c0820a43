#include "transport/query_batches.h"

#include <algorithm>
#include <utility>

#include "parallel.h"

namespace recstream::transport {
namespace {

/// What one pass of the core takes.
constexpr std::size_t kMostTogether = 64;

}  // namespace

QueryBatches::QueryBatches(const NativeQueries& queries, const Corks& corks) : queries_(queries), corks_(corks) {
  const auto threads = thread_count(0);
  for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { serve(); });
}

QueryBatches::~QueryBatches() {
  {
    const std::scoped_lock lock(mutex_);
    closed_ = true;
  }
  changed_.notify_all();
  for (auto& thread : threads_) thread.join();
}

void QueryBatches::add(NativeQuery query, Asker& asker) {
  {
    const std::scoped_lock lock(mutex_);
    queue_.push_back({.query = std::move(query), .asker = &asker});
  }
  changed_.notify_one();
}

void QueryBatches::serve() {
  std::vector<Waiting> batch;
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return closed_ || !queue_.empty(); });
    if (queue_.empty()) return;
    const auto end = queue_.begin() + static_cast<std::ptrdiff_t>(std::min(kMostTogether, queue_.size()));
    batch.assign(std::make_move_iterator(queue_.begin()), std::make_move_iterator(end));
    queue_.erase(queue_.begin(), end);
    lock.unlock();
    answer(batch);
    lock.lock();
  }
}

void QueryBatches::answer(std::vector<Waiting>& batch) const {
  std::vector<NativeQuery> queries;
  std::vector<Asker*> askers;
  queries.reserve(batch.size());
  askers.reserve(batch.size());
  for (auto& waiting : batch) {
    if (!waiting.asker->wants_answer()) continue;
    queries.push_back(std::move(waiting.query));
    askers.push_back(waiting.asker);
  }
  queries_.answer(queries);
  const Corked corked(sockets_of(askers));
  for (std::size_t i = 0; i < askers.size(); ++i) askers[i]->conclude(queries[i]);
}

// None for one answer, which has nothing to wait for.
std::vector<int> QueryBatches::sockets_of(const std::vector<Asker*>& askers) const {
  std::vector<int> sockets;
  if (askers.size() < 2) return sockets;
  for (const auto* asker : askers) sockets.push_back(corks_.socket_of(asker->peer()));
  std::sort(sockets.begin(), sockets.end());
  sockets.erase(std::unique(sockets.begin(), sockets.end()), sockets.end());
  std::erase(sockets, -1);
  return sockets;
}

}  // namespace recstream::transport
