#pragma once

#include <array>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "engine/kept_list.h"

namespace recstream {

/// Whose list it is, as of which event; a key is never given to another subject, nor to the same one after its state
/// was dropped.
struct ListOwner {
  /// 0 for nobody.
  std::uint64_t key = 0;
  std::int64_t version = 0;
};

/// Lists by owner, within a number of bytes; those not asked for longest are dropped first. Safe to use from many
/// threads at once: a lock is held to find or to put, for a microsecond.
class KeptLists {
 public:
  explicit KeptLists(std::int64_t max_bytes) : shard_bytes_(max_bytes / kShards) {}

  /// The list of an owner, unless it was made from a later state than the asker's: what that has seen may be eligible
  /// for the asker, and is not in the list. Null when there is none.
  std::shared_ptr<const KeptList> find(const ListOwner& owner);

  /// Replaces the owner's list, unless the one there is from a later state.
  void put(const ListOwner& owner, std::shared_ptr<const KeptList> list);

  std::int64_t bytes() const;

 private:
  struct Entry {
    ListOwner owner;
    std::shared_ptr<const KeptList> list;
    std::int64_t bytes() const;
  };
  struct Shard {
    mutable std::mutex mutex;
    /// The one asked for last comes first.
    std::list<Entry> order;
    std::unordered_map<std::uint64_t, std::list<Entry>::iterator> by_key;
    std::int64_t bytes = 0;
  };

  static constexpr std::int64_t kShards = 16;

  Shard& shard(const ListOwner& owner) { return shards_[owner.key % shards_.size()]; }

  const std::int64_t shard_bytes_;
  std::array<Shard, kShards> shards_;
};

}  // namespace recstream
