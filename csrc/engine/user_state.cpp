#include "engine/user_state.h"

#include <algorithm>

namespace recstream {
namespace {

// For one more; doubles, as growing does.
template <class T>
void make_room(std::vector<T>& values) {
  if (values.size() == values.capacity()) values.reserve(std::max<std::size_t>(1, 2 * values.size()));
}

}  // namespace

void UserState::fold(std::int64_t event_version, const Interaction& event, bool marks_seen, std::size_t max_history) {
  // From the back: people return to what they touched lately.
  const auto known = std::find_if(interactions.rbegin(), interactions.rend(),
                                  [&](const Interaction& held) { return held.item == event.item; });
  const bool is_fresh = known == interactions.rend();
  const auto place = std::lower_bound(seen.begin(), seen.end(), event.item) - seen.begin();
  const bool adds_seen = marks_seen && !std::binary_search(seen.begin() + place, seen.end(), event.item);
  // All that may fail comes before the first change.
  if (adds_seen) make_room(seen);
  if (is_fresh) {
    make_room(interactions);
    interactions.push_back(event);
    interactions.back().version = event_version;
    if (interactions.size() > max_history) interactions.erase(interactions.begin());
  } else {
    known->weight += event.weight;
    known->time = std::max(known->time, event.time);
    known->version = event_version;
    std::rotate(known.base() - 1, known.base(), interactions.end());
  }
  if (adds_seen) seen.insert(seen.begin() + place, event.item);
  if (version == 0) born = event_version;
  version = event_version;
  cache = Cache::kStale;
}

std::int64_t UserState::bytes() const {
  return static_cast<std::int64_t>(sizeof(UserState) + interactions.capacity() * sizeof(Interaction) +
                                   seen.capacity() * sizeof(ItemKey));
}

}  // namespace recstream
