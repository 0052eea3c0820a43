#include "engine/item_keys.h"

#include <limits>
#include <stdexcept>

namespace recstream {

ItemKey ItemKeys::key(std::string_view item_id) {
  if (const auto row = catalogue_.find(item_id); row >= 0) return static_cast<ItemKey>(row);
  if (const auto known = stranger_keys_.find(item_id); known != stranger_keys_.end()) return known->second;
  const auto next = catalogue_.size() + static_cast<std::int64_t>(strangers_.size());
  if (next > std::numeric_limits<ItemKey>::max()) throw std::length_error("too many distinct item ids in events");
  const auto key = static_cast<ItemKey>(next);
  const std::scoped_lock lock(mutex_);
  stranger_keys_.emplace(strangers_.emplace_back(item_id), key);
  // About what the string, its place in the deque and its node in the map take.
  constexpr std::size_t kOverheadBytes = 96;
  bytes_ += static_cast<std::int64_t>(item_id.size() + kOverheadBytes);
  return key;
}

std::string_view ItemKeys::text(ItemKey key) const {
  if (key < catalogue_.size()) return catalogue_.id(key);
  const std::scoped_lock lock(mutex_);
  return strangers_[static_cast<std::size_t>(key - catalogue_.size())];
}

}  // namespace recstream
