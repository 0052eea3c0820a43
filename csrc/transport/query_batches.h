#pragma once

#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "transport/corks.h"
#include "transport/native_queries.h"

namespace recstream::transport {

/// Who waits for the answer to a query.
class Asker {
 public:
  virtual ~Asker() = default;

  /// Whether the answer is still wanted; when not, the asker is told nothing more, and may end with this call.
  virtual bool wants_answer() = 0;

  /// gRPC's name for the other end of the connection.
  virtual std::string peer() const = 0;

  /// Takes the query with its answer, or with a reason against one. The asker may end with this call.
  virtual void conclude(const NativeQuery& query) = 0;
};

/// Answers queries together, on threads of its own: while a thread is at work others queue, and it takes them all next.
/// Nobody waits for company, and there is no timer. What a batch answers on one connection is sent in one piece.
/// Safe to use from many threads.
class QueryBatches {
 public:
  /// Both must outlive this. There are as many threads as may scan at once: with more of them batches would be smaller.
  QueryBatches(const NativeQueries& queries, const Corks& corks);
  /// Answers what was handed over, then ends.
  ~QueryBatches();
  QueryBatches(const QueryBatches&) = delete;
  QueryBatches& operator=(const QueryBatches&) = delete;

  /// The query is one that was read, and the asker lives until it is answered. The queue has no bound of its own:
  /// whoever hands over does not hand over more before it is answered.
  void add(NativeQuery query, Asker& asker);

 private:
  struct Waiting {
    NativeQuery query;
    Asker* asker;
  };

  void serve();
  void answer(std::vector<Waiting>& batch) const;
  std::vector<int> sockets_of(const std::vector<Asker*>& askers) const;

  const NativeQueries& queries_;
  const Corks& corks_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Waiting> queue_;
  bool closed_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace recstream::transport
