#include "engine/user_store.h"

namespace recstream {
namespace {

// About what an id, its node in the map and its place in the order take besides the state.
std::int64_t overhead_bytes(std::string_view id) { return static_cast<std::int64_t>(id.size()) + 128; }

}  // namespace

UserState* UserStore::Shard::find(std::string_view id) {
  const auto found = states.find(id);
  return found == states.end() ? nullptr : &found->second;
}

UserStore::States::value_type& UserStore::obtain(Shard& shard, std::string_view id) {
  const auto found = shard.states.find(id);
  return found != shard.states.end() ? *found : *shard.states.try_emplace(std::string(id)).first;
}

void UserStore::settle(const States::value_type& entry, std::int64_t old_version, std::int64_t old_bytes) {
  if (old_version == 0) {
    order_.emplace(entry.second.version, &entry);
    ++size_;
    bytes_ += overhead_bytes(entry.first);
  } else {
    // The node is used again: a known state's place in the order cannot be lost for lack of memory.
    auto node = order_.extract(old_version);
    node.key() = entry.second.version;
    order_.insert(std::move(node));
  }
  bytes_ += entry.second.bytes() - old_bytes;
}

void UserStore::drop_new(Shard& shard, const States::value_type& entry) {
  shard.states.erase(shard.states.find(entry.first));
}

void UserStore::make_room() {
  while (order_.size() > capacity_) {
    const auto oldest = order_.begin();
    const auto* entry = oldest->second;
    order_.erase(oldest);
    --size_;
    bytes_ -= entry->second.bytes() + overhead_bytes(entry->first);
    Shard& home = shard(entry->first);
    const std::scoped_lock lock(home.mutex);
    home.states.erase(home.states.find(entry->first));
  }
}

}  // namespace recstream
