#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/user_state.h"

namespace recstream {

/// Tells which of its two accounts an item counts by that is in a user's training history as well as in their live
/// state, where training read the log up to a version: the history's while the item's last event is not above it, the
/// state's from then on, which has all events. Items that are in one of the two only count as they are.
class ToldTwice {
 public:
  /// Nothing is told twice where `trained_version` is 0. O(n log n).
  ToldTwice(std::span<const std::int32_t> trained, std::span<const Interaction> live, std::int64_t trained_version);

  bool counts_live(const Interaction& touch) const;
  bool counts_trained(std::int32_t row) const;

 private:
  const std::int64_t trained_version_;
  /// Both rising.
  std::vector<ItemKey> trained_;
  std::vector<ItemKey> live_since_;
};

}  // namespace recstream
