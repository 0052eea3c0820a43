#include "engine/item_history.h"

#include <algorithm>
#include <bit>
#include <limits>

namespace recstream {
namespace {

float to_float32(double weight) {
  constexpr double kLargest = std::numeric_limits<float>::max();
  return static_cast<float>(std::clamp(weight, -kLargest, kLargest));
}

}  // namespace

HistoryBuilder::HistoryBuilder(std::size_t touches, std::int64_t item_count)
    : item_count_(item_count), slots_(std::bit_ceil(2 * touches + 1), -1), slot_items_(slots_.size()) {
  entries_.reserve(touches);
}

void HistoryBuilder::touch(const Interaction& touch) {
  if (touch.item >= item_count_) return;
  Interaction latest = touch;
  const auto slot = slot_of(touch.item);
  if (slots_[slot] >= 0) {
    Interaction& earlier = entries_[static_cast<std::size_t>(slots_[slot])];
    latest.weight += earlier.weight;
    latest.time = std::max(latest.time, earlier.time);
    earlier.item = -1;
  }
  slots_[slot] = static_cast<std::int32_t>(entries_.size());
  slot_items_[slot] = touch.item;
  entries_.push_back(latest);
}

ItemHistory HistoryBuilder::finish(std::size_t max_items) const {
  ItemHistory history;
  for (auto entry = entries_.rbegin(); entry != entries_.rend() && history.rows.size() < max_items; ++entry) {
    if (entry->item < 0) continue;
    history.rows.push_back(entry->item);
    history.weights.push_back(to_float32(entry->weight));
    history.times.push_back(entry->time);
  }
  std::reverse(history.rows.begin(), history.rows.end());
  std::reverse(history.weights.begin(), history.weights.end());
  std::reverse(history.times.begin(), history.times.end());
  return history;
}

std::size_t HistoryBuilder::slot_of(ItemKey item) const {
  const std::size_t mask = slots_.size() - 1;
  // Fibonacci hashing spreads the neighbouring rows that a catalogue sorted by kind gives one person.
  std::size_t slot = ((static_cast<std::uint32_t>(item) * std::size_t{0x9E3779B97F4A7C15}) >> 32) & mask;
  while (slots_[slot] >= 0 && slot_items_[slot] != item) slot = (slot + 1) & mask;
  return slot;
}

}  // namespace recstream
