#include "user_state.h"

#include <algorithm>

namespace recstream {

void UserState::fold(std::int64_t event_version, const Interaction& event, bool marks_seen, std::size_t max_history) {
  if (version == 0) born = event_version;
  version = event_version;
  cache = Cache::kStale;
  // From the back: people return to what they touched lately.
  const auto known = std::find_if(interactions.rbegin(), interactions.rend(),
                                  [&](const Interaction& held) { return held.item == event.item; });
  if (known == interactions.rend()) {
    interactions.push_back(event);
    if (interactions.size() > max_history) interactions.erase(interactions.begin());
  } else {
    known->weight += event.weight;
    known->time = std::max(known->time, event.time);
    std::rotate(known.base() - 1, known.base(), interactions.end());
  }
  if (!marks_seen) return;
  const auto place = std::lower_bound(seen.begin(), seen.end(), event.item);
  if (place == seen.end() || *place != event.item) seen.insert(place, event.item);
}

std::int64_t UserState::bytes() const {
  return static_cast<std::int64_t>(sizeof(UserState) + interactions.capacity() * sizeof(Interaction) +
                                   seen.capacity() * sizeof(ItemKey));
}

}  // namespace recstream
