#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "recstream/compiled_filter.h"

namespace recstream {

/// Compiled filters by key, the least recently used leave first. Safe to use from many threads. A filter that was
/// handed out lives on when it leaves.
class FilterCache {
 public:
  explicit FilterCache(std::int64_t limit_bytes) : limit_bytes_(limit_bytes) {}

  /// Null for none. Counts as a hit or a miss. O(key).
  SharedFilter find(std::string_view key);

  /// Keeps a filter unless it is larger than the whole cache; the one to use: of two threads that compiled the same,
  /// the first wins.
  SharedFilter insert(std::string key, SharedFilter filter);

  struct Stats {
    std::int64_t entries;
    /// Never over the limit: bitmaps, keys, and what an entry costs beside them.
    std::int64_t bytes;
    std::int64_t hits;
    std::int64_t misses;
  };
  Stats stats() const;

 private:
  struct Entry {
    std::string key;
    SharedFilter filter;
  };
  static std::int64_t bytes_of(const Entry& entry);
  void make_room(std::int64_t bytes);

  const std::int64_t limit_bytes_;
  mutable std::mutex mutex_;
  /// Used last first.
  std::list<Entry> entries_;
  /// The keys view those of the entries.
  std::unordered_map<std::string_view, std::list<Entry>::iterator> places_;
  std::int64_t bytes_ = 0;
  std::int64_t hits_ = 0;
  std::int64_t misses_ = 0;
};

}  // namespace recstream
