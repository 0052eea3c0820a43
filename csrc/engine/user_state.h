#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "engine/item_keys.h"

namespace recstream {

struct Interaction {
  ItemKey item;
  double weight;
  /// Of the latest event, Unix seconds; 0 where nobody knows.
  std::int64_t time = 0;
  /// Of the latest event in the log; 0 for what is not in it.
  std::int64_t version = 0;

  bool operator==(const Interaction&) const = default;
};

/// What the live events of one user or session add up to, and the vector made from it. A plain value: its owner locks.
struct UserState {
  enum class Cache : std::uint8_t { kStale, kNoVector, kVector };

  /// Of the last event.
  std::int64_t version = 0;
  /// Of the event that made the state, or of the last one when a snapshot did: no two states of a store share it, not
  /// even one after the other.
  std::int64_t born = 0;
  /// Distinct items, last touched last, with the sum of their weights.
  std::vector<Interaction> interactions;
  /// Rising. Never forgotten.
  std::vector<ItemKey> seen;

  Cache cache = Cache::kStale;
  std::vector<float> vector;

  /// Folds one event in; beyond `max_history` items the one touched longest ago leaves `interactions`. When memory
  /// runs out nothing is folded. O(items).
  void fold(std::int64_t event_version, const Interaction& event, bool marks_seen, std::size_t max_history);

  /// Memory without the vector, for statistics.
  std::int64_t bytes() const;
};

}  // namespace recstream
