#include "engine/kept_lists.h"

#include <utility>

namespace recstream {

std::int64_t KeptLists::Entry::bytes() const {
  // About what its places in the order and in the map take, and the counts of the pointer.
  constexpr std::int64_t kOverheadBytes = 128;
  return kOverheadBytes + list->bytes();
}

std::shared_ptr<const KeptList> KeptLists::find(const ListOwner& owner) {
  Shard& home = shard(owner);
  const std::scoped_lock lock(home.mutex);
  const auto found = home.by_key.find(owner.key);
  if (found == home.by_key.end() || found->second->owner.version > owner.version) return nullptr;
  home.order.splice(home.order.begin(), home.order, found->second);
  return found->second->list;
}

void KeptLists::put(const ListOwner& owner, std::shared_ptr<const KeptList> list) {
  const Entry fresh{.owner = owner, .list = std::move(list)};
  if (fresh.bytes() > shard_bytes_) return;
  Shard& home = shard(owner);
  const std::scoped_lock lock(home.mutex);
  if (const auto found = home.by_key.find(owner.key); found != home.by_key.end()) {
    if (found->second->owner.version > owner.version) return;
    home.bytes -= found->second->bytes();
    home.order.erase(found->second);
  }
  home.order.push_front(fresh);
  home.by_key[owner.key] = home.order.begin();
  home.bytes += fresh.bytes();
  while (home.bytes > shard_bytes_) {
    home.bytes -= home.order.back().bytes();
    home.by_key.erase(home.order.back().owner.key);
    home.order.pop_back();
  }
}

std::int64_t KeptLists::bytes() const {
  std::int64_t total = 0;
  for (const auto& home : shards_) {
    const std::scoped_lock lock(home.mutex);
    total += home.bytes;
  }
  return total;
}

}  // namespace recstream
