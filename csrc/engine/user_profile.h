#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "engine/engine_state.h"
#include "engine/item_history.h"
#include "recstream/engine.h"

namespace recstream {

/// What a query needs to know of its user, as of one moment.
struct UserProfile {
  /// None for the popular fallback, and with neighbours.
  std::optional<std::vector<float>> vector;
  /// With neighbours: what items are scored for, with at least one weight above 0; none for the popular fallback.
  std::optional<ItemHistory> history;
  Fallback fallback = Fallback::kPopular;
  std::int64_t state_version = 0;
  /// Catalogue rows seen by the user or in the session, or marked by recent events; may repeat.
  std::vector<std::int32_t> seen;
  /// The live state of the user or session that the vector is for; nobody when there is none.
  ListOwner owner;
  /// Which of `seen` are the owner's own: as long as the owner lives, they stay seen.
  std::size_t own_seen_first = 0;
  std::size_t own_seen_end = 0;
};

/// Throws std::invalid_argument for a recent event whose weight float32 cannot hold. Leaves a vector that it had to
/// make for the next query.
UserProfile make_profile(const EngineModel& model, EngineState& state, const Subject& subject, std::size_t max_history);

}  // namespace recstream
