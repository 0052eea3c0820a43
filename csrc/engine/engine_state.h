#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <span>
#include <string_view>

#include "engine/item_keys.h"
#include "engine/kept_lists.h"
#include "engine/user_store.h"
#include "recstream/engine.h"

namespace recstream {

/// Everything that events change. Readers use `users`, `sessions`, `version` and `lists`; the rest is the writer's.
struct EngineState {
  EngineState(const IdTable& catalogue, std::int64_t max_users, const EngineOptions& options)
      : items(catalogue),
        users(static_cast<std::size_t>(max_users)),
        sessions(static_cast<std::size_t>(options.max_sessions)),
        lists(options.kept_list_bytes) {}

  ItemKeys items;
  UserStore users;
  UserStore sessions;
  std::atomic<std::int64_t> version{0};
  KeptLists lists;
};

/// Throws std::invalid_argument, naming the event, unless `apply` may fold all of them on top of `version`.
void require_events(std::span<const Event> events, std::int64_t version);

/// Throws std::invalid_argument, naming entry i of `what`, for a weight that float32 cannot hold: sums of such weights
/// stay finite in float64, however many there are.
void require_weight(double weight, const char* what, std::size_t i);

/// Throws std::invalid_argument, naming entry i of `what`, for a negative time.
void require_time(std::int64_t time, const char* what, std::size_t i);

/// Folds one event into the user's and the session's state at once, so that no query sees it in one of them only.
void fold_event(EngineState& state, const Event& event, std::size_t max_history);

/// Locks the shards of a user and a session, or of the one that is given, without risk of deadlock.
class SubjectLock {
 public:
  SubjectLock(EngineState& state, std::string_view user_id, std::string_view session_id);

  /// Null where no id was given.
  UserStore::Shard* user_shard() { return user_shard_; }
  UserStore::Shard* session_shard() { return session_shard_; }

 private:
  UserStore::Shard* user_shard_ = nullptr;
  UserStore::Shard* session_shard_ = nullptr;
  std::unique_lock<std::mutex> user_lock_;
  std::unique_lock<std::mutex> session_lock_;
};

}  // namespace recstream
