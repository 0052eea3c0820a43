#pragma once

#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/support/status.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <unordered_set>
#include <vector>

#include "transport/admission.h"
#include "transport/call_counts.h"
#include "transport/corks.h"
#include "transport/event_queue.h"
#include "transport/native_queries.h"
#include "transport/query_batches.h"
#include "transport/watch_hub.h"
#include "transport/workers.h"

namespace recstream::transport {

/// How calls end that are not even begun; the Python server's error translator made them.
struct Refusals {
  grpc::Status calls_overloaded;
  grpc::Status streams_overloaded;
  grpc::Status expired;
  grpc::Status draining;
};

/// A stream that the server ends when it drains.
class Drainable {
 public:
  virtual void drain() = 0;

 protected:
  ~Drainable() = default;
};

/// The open streams that have to be told when the server drains. Safe to use from many threads.
class OpenStreams {
 public:
  /// Tells it at once when draining has begun.
  void add(Drainable& stream) {
    const std::scoped_lock lock(mutex_);
    streams_.insert(&stream);
    if (draining_) stream.drain();
  }

  /// The stream is told nothing from here on.
  void remove(Drainable& stream) {
    const std::scoped_lock lock(mutex_);
    streams_.erase(&stream);
  }

  void drain() {
    const std::scoped_lock lock(mutex_);
    draining_ = true;
    for (auto* stream : streams_) stream->drain();
  }

 private:
  std::mutex mutex_;
  bool draining_ = false;
  std::unordered_set<Drainable*> streams_;
};

/// What all calls share.
struct FrontState {
  NativeQueries queries;
  Refusals refusals;
  CallCounts counts;
  Admission calls;
  Admission streams;
  /// These outlive the front.
  EventQueue* events;
  WatchHub* watchers;
  /// Messages of one stream that are worked on together.
  std::size_t stream_messages;
  /// Largest answer to one call.
  std::int64_t message_bytes;
  /// To the Python server.
  grpc::GenericStub upstream;
  /// Once set, new streams go to the Python server.
  std::atomic<bool> draining{false};
  /// Once set, all calls are refused.
  std::atomic<bool> closed{false};
  OpenStreams open_streams;
  Corks corks;
  /// Whether every query is short enough for the threads of the connections: the first two below are not used then.
  bool is_short;
  /// These come last, so that what is queued is done while the rest is there. Queries that scan are answered together,
  /// all others by workers, so that none of these waits for a scan.
  QueryBatches batches;
  Workers workers;
  /// For batches of queries, which are never short.
  Workers batch_workers;
};

}  // namespace recstream::transport
