#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "recstream/id_table.h"

namespace recstream {

/// Number of an item in user state: its catalogue row, or, for an item that the catalogue does not have, a number from
/// N up in the order of first appearance. Such items are kept, so that a snapshot of the state counts them under a
/// later catalogue that has them.
using ItemKey = std::int32_t;

/// Append-only. One thread at a time asks for keys; texts may be asked for beside it. Readers of user state need none,
/// only `key < N`.
class ItemKeys {
 public:
  /// Borrows `catalogue`.
  explicit ItemKeys(const IdTable& catalogue) : catalogue_(catalogue) {}

  /// Key of an item, made up when it is new. Throws std::length_error when there are no numbers left.
  ItemKey key(std::string_view item_id);

  /// Text of a key that this object gave out; valid as long as it lives.
  std::string_view text(ItemKey key) const;

  /// May be asked for beside `key`.
  std::int64_t bytes() const { return bytes_.load(std::memory_order_relaxed); }

 private:
  const IdTable& catalogue_;
  /// Of `strangers_`: a snapshot asks for texts beside the writer.
  mutable std::mutex mutex_;
  /// A deque, because the map's keys view its strings.
  std::deque<std::string> strangers_;
  std::unordered_map<std::string_view, ItemKey> stranger_keys_;
  std::atomic<std::int64_t> bytes_{0};
};

}  // namespace recstream
