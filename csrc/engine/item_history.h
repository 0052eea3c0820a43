#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "engine/user_state.h"

namespace recstream {

/// What an encoder is given: distinct items, oldest first.
struct ItemHistory {
  std::vector<std::int64_t> rows;
  std::vector<float> weights;
  /// Unix seconds of the latest touch of each, 0 where nobody knows.
  std::vector<std::int64_t> times;
};

/// Adds up touches, oldest first, into a history. An item touched again moves to the end and its weights add up.
class HistoryBuilder {
 public:
  /// For at most `touches` touches of items 0 .. item_count - 1; others are ignored.
  HistoryBuilder(std::size_t touches, std::int64_t item_count);

  void touch(const Interaction& touch);

  /// The `max_items` items touched last. Weights beyond float32 become its largest number.
  ItemHistory finish(std::size_t max_items) const;

 private:
  std::size_t slot_of(ItemKey item) const;

  const std::int64_t item_count_;
  /// In order of touch; an entry that moved on has item -1.
  std::vector<Interaction> entries_;
  /// Open addressing: position in `entries_` of an item's last touch, by hash of the item; -1 is free.
  std::vector<std::int32_t> slots_;
  std::vector<ItemKey> slot_items_;
};

}  // namespace recstream
