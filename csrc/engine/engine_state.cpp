#include "engine/engine_state.h"

#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>

namespace recstream {
namespace {

void fold_into(UserStore& store, UserStore::Shard& shard, std::string_view id, const Event& event, ItemKey item,
               std::size_t max_history) {
  auto& entry = store.obtain(shard, id);
  const auto old_version = entry.second.version;
  const auto old_bytes = old_version == 0 ? 0 : entry.second.bytes();
  try {
    entry.second.fold(event.version, {.item = item, .weight = event.weight, .time = event.time}, event.marks_seen,
                      max_history);
    store.settle(entry, old_version, old_bytes);
  } catch (...) {
    if (old_version == 0) store.drop_new(shard, entry);
    throw;
  }
}

}  // namespace

void require_events(std::span<const Event> events, std::int64_t version) {
  const auto refuse = [](std::size_t i, const std::string& problem) {
    throw std::invalid_argument("events[" + std::to_string(i) + "]: " + problem);
  };
  for (std::size_t i = 0; i < events.size(); ++i) {
    const Event& event = events[i];
    if (event.version <= version) {
      refuse(i, "state_version " + std::to_string(event.version) + " is not above " + std::to_string(version));
    }
    if (event.user_id.empty() && event.session_id.empty()) refuse(i, "needs a user_id or a session_id");
    if (event.item_id.empty()) refuse(i, "needs an item_id");
    require_time(event.time, "events", i);
    require_weight(event.weight, "events", i);
    version = event.version;
  }
}

void require_weight(double weight, const char* what, std::size_t i) {
  if (std::fabs(weight) <= static_cast<double>(std::numeric_limits<float>::max())) return;
  throw std::invalid_argument(std::string(what) + "[" + std::to_string(i) + "]: weight must be a float32 number, got " +
                              std::to_string(weight));
}

void require_time(std::int64_t time, const char* what, std::size_t i) {
  if (time >= 0) return;
  throw std::invalid_argument(std::string(what) + "[" + std::to_string(i) + "]: time must be Unix seconds or 0, got " +
                              std::to_string(time));
}

void fold_event(EngineState& state, const Event& event, std::size_t max_history) {
  const ItemKey item = state.items.key(event.item_id);
  {
    SubjectLock lock(state, event.user_id, event.session_id);
    if (auto* shard = lock.user_shard()) fold_into(state.users, *shard, event.user_id, event, item, max_history);
    if (auto* shard = lock.session_shard()) {
      fold_into(state.sessions, *shard, event.session_id, event, item, max_history);
    }
  }
  state.sessions.make_room();
  state.version = event.version;
}

SubjectLock::SubjectLock(EngineState& state, std::string_view user_id, std::string_view session_id) {
  if (!user_id.empty()) {
    user_shard_ = &state.users.shard(user_id);
    user_lock_ = std::unique_lock(user_shard_->mutex, std::defer_lock);
  }
  if (!session_id.empty()) {
    session_shard_ = &state.sessions.shard(session_id);
    session_lock_ = std::unique_lock(session_shard_->mutex, std::defer_lock);
  }
  if (user_shard_ != nullptr && session_shard_ != nullptr) {
    std::lock(user_lock_, session_lock_);
  } else if (user_shard_ != nullptr) {
    user_lock_.lock();
  } else if (session_shard_ != nullptr) {
    session_lock_.lock();
  }
}

}  // namespace recstream
