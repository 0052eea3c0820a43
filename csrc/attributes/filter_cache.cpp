#include "attributes/filter_cache.h"

#include <utility>

namespace recstream {
namespace {

/// List node, map node and bucket, control block, and the allocator's part in each.
constexpr std::int64_t kEntryBytes = 320;

}  // namespace

SharedFilter FilterCache::find(std::string_view key) {
  const std::scoped_lock lock(mutex_);
  const auto place = places_.find(key);
  if (place == places_.end()) {
    ++misses_;
    return nullptr;
  }
  ++hits_;
  entries_.splice(entries_.begin(), entries_, place->second);
  return place->second->filter;
}

SharedFilter FilterCache::insert(std::string key, SharedFilter filter) {
  Entry entry{.key = std::move(key), .filter = std::move(filter)};
  const auto bytes = bytes_of(entry);
  if (bytes > limit_bytes_) return entry.filter;
  const std::scoped_lock lock(mutex_);
  if (const auto place = places_.find(entry.key); place != places_.end()) return place->second->filter;
  make_room(bytes);
  entries_.push_front(std::move(entry));
  places_.emplace(entries_.front().key, entries_.begin());
  bytes_ += bytes;
  return entries_.front().filter;
}

FilterCache::Stats FilterCache::stats() const {
  const std::scoped_lock lock(mutex_);
  return {.entries = static_cast<std::int64_t>(entries_.size()), .bytes = bytes_, .hits = hits_, .misses = misses_};
}

std::int64_t FilterCache::bytes_of(const Entry& entry) {
  return kEntryBytes + static_cast<std::int64_t>(entry.key.size() + entry.filter->words().size_bytes());
}

void FilterCache::make_room(std::int64_t bytes) {
  while (bytes_ + bytes > limit_bytes_) {
    bytes_ -= bytes_of(entries_.back());
    places_.erase(entries_.back().key);
    entries_.pop_back();
  }
}

}  // namespace recstream
