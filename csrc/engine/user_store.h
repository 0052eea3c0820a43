#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "engine/user_state.h"

namespace recstream {

/// States by user (or session) id.
///
/// Readers may come from many threads at once and lock the one shard they need, for a few microseconds; a shard holds
/// a 64th of the users. Whoever changes states or walks through them (`obtain`, `settle`, `make_room`, `visit_after`,
/// `oldest_version`) must be alone among writers.
class UserStore {
 public:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view id) const { return std::hash<std::string_view>{}(id); }
  };
  using States = std::unordered_map<std::string, UserState, Hash, std::equal_to<>>;

  struct Shard {
    mutable std::mutex mutex;
    States states;

    /// Null when there is none. Call, and use the result, with the mutex held.
    UserState* find(std::string_view id);
  };

  /// Holds at most `capacity` states.
  explicit UserStore(std::size_t capacity) : capacity_(capacity) {}

  Shard& shard(std::string_view id) { return shards_[Hash{}(id) % kShards]; }

  /// The state of an id, made when new. Call, and use the result, with the shard's mutex held, and call `settle` before
  /// letting go of it.
  States::value_type& obtain(Shard& shard, std::string_view id);

  /// Books a state whose last event was `old_version` (0 for a new one) and that took `old_bytes`. For a new one memory
  /// may run out, and nothing is booked; `drop_new` then takes the state out again, with the shard's mutex held.
  void settle(const States::value_type& entry, std::int64_t old_version, std::int64_t old_bytes);

  void drop_new(Shard& shard, const States::value_type& entry);

  /// Drops the states whose last event is oldest until the capacity holds; nothing else takes a settled state out,
  /// which snapshots rely on. Call without any shard's mutex.
  void make_room();

  /// Calls `visit` with the states whose last event is after `version`, the oldest first, until it returns false;
  /// whether all were visited.
  template <class Visit>
  bool visit_after(std::int64_t version, const Visit& visit) const {
    for (auto place = order_.upper_bound(version); place != order_.end(); ++place) {
      if (!visit(*place->second)) return false;
    }
    return true;
  }

  /// Of the last event of the state that `make_room` would drop first; 0 when there is none.
  std::int64_t oldest_version() const { return order_.empty() ? 0 : order_.begin()->first; }

  std::size_t size() const { return size_; }
  std::int64_t bytes() const { return bytes_; }

 private:
  static constexpr std::size_t kShards = 64;

  const std::size_t capacity_;
  std::array<Shard, kShards> shards_;
  /// By version of the last event, which no two states share. The nodes of `states` do not move.
  std::map<std::int64_t, const States::value_type*> order_;
  std::atomic<std::size_t> size_{0};
  std::atomic<std::int64_t> bytes_{0};
};

}  // namespace recstream
