#include "engine/user_profile.h"

#include <algorithm>
#include <iterator>
#include <limits>
#include <span>
#include <utility>

#include "engine/item_history.h"
#include "engine/outside_vectors.h"
#include "engine/told_twice.h"

namespace recstream {
namespace {

using Vector = std::optional<std::vector<float>>;

constexpr std::size_t kAll = std::numeric_limits<std::size_t>::max();

/// Recent events on items of the catalogue.
struct Recent {
  std::vector<Interaction> touches;
  std::vector<ItemKey> seen;
};

Recent resolve(const IdTable& items, std::span<const RecentEvent> events) {
  Recent recent;
  for (std::size_t i = 0; i < events.size(); ++i) {
    require_weight(events[i].weight, "recent_events", i);
    require_time(events[i].time, "recent_events", i);
    const auto row = items.find(events[i].item_id);
    if (row < 0) continue;
    const auto item = static_cast<ItemKey>(row);
    recent.touches.push_back({.item = item, .weight = events[i].weight, .time = events[i].time});
    if (events[i].marks_seen) recent.seen.push_back(item);
  }
  return recent;
}

/// What training knew of a user.
struct Base {
  std::span<const std::int32_t> rows;
  std::span<const float> weights;
  /// Empty where no time is known.
  std::span<const std::int64_t> times;
  Vector vector;

  Interaction touch(std::size_t i) const {
    return {.item = rows[i], .weight = weights[i], .time = times.empty() ? 0 : times[i]};
  }
};

Base base_of(const EngineModel& model, std::string_view user_id) {
  const auto user = user_id.empty() ? -1 : model.user_ids->find(user_id);
  if (user < 0) return {};
  const auto first = static_cast<std::size_t>(model.history_pointers[static_cast<std::size_t>(user)]);
  const auto count = static_cast<std::size_t>(model.history_pointers[static_cast<std::size_t>(user) + 1]) - first;
  const auto vector = model.user_vectors.row(user);
  const auto times = model.history_times;
  return {.rows = model.history_rows.subspan(first, count),
          .weights = model.history_weights.subspan(first, count),
          .times = times.empty() ? times : times.subspan(first, count),
          .vector = std::vector<float>(vector.begin(), vector.end())};
}

/// Copy of a state, so that nobody waits while a vector is made from it.
struct StateCopy {
  bool exists = false;
  UserState state;
};

StateCopy copy_state(UserStore::Shard* shard, std::string_view id, bool needs_interactions) {
  const UserState* state = shard == nullptr ? nullptr : shard->find(id);
  if (state == nullptr) return {};
  StateCopy copy{.exists = true, .state = {}};
  copy.state.version = state->version;
  copy.state.born = state->born;
  copy.state.seen = state->seen;
  copy.state.cache = state->cache;
  copy.state.vector = state->vector;
  if (needs_interactions || state->cache == UserState::Cache::kStale) copy.state.interactions = state->interactions;
  return copy;
}

void keep_vector(UserStore& store, std::string_view id, std::int64_t version, const Vector& vector) {
  auto& shard = store.shard(id);
  const std::scoped_lock lock(shard.mutex);
  UserState* state = shard.find(id);
  if (state == nullptr || state->version != version) return;
  state->cache = vector ? UserState::Cache::kVector : UserState::Cache::kNoVector;
  state->vector = vector.value_or(std::vector<float>{});
}

class VectorMaker {
 public:
  VectorMaker(const EngineModel& model, const Recent& recent, const OutsideVectors& outside, std::size_t max_history)
      : model_(model), recent_(recent), outside_(outside), max_history_(max_history) {}

  /// From live and recent events on top of the base; none while these events have no weight. Always from scratch, so
  /// that it does not depend on which queries came in between. Keeps it in the store when no recent events are in it.
  Vector make(UserStore& store, std::string_view id, const StateCopy& live, const Base& base) const {
    if (!recent_.touches.empty()) return encode(live.state.interactions, base);
    if (!live.exists) return std::nullopt;
    switch (live.state.cache) {
      case UserState::Cache::kVector:
        return live.state.vector;
      case UserState::Cache::kNoVector:
        return std::nullopt;
      case UserState::Cache::kStale:
        break;
    }
    auto vector = encode(live.state.interactions, base);
    keep_vector(store, id, live.state.version, vector);
    return vector;
  }

  /// What a vector is made from; none while live and recent events have no weight.
  std::optional<ItemHistory> history(std::span<const Interaction> live, const Base& base) const {
    return merge(live, base, max_history_);
  }

 private:
  bool has_weight(std::span<const Interaction> touches, const ToldTwice& twice) const {
    return std::any_of(touches.begin(), touches.end(), [&](const Interaction& touch) {
      return touch.weight != 0 && touch.item < model_.item_vectors.rows && twice.counts_live(touch);
    });
  }

  std::optional<ItemHistory> merge(std::span<const Interaction> live, const Base& base, std::size_t max_items) const {
    const ToldTwice twice(base.rows, live, model_.trained_version);
    if (!has_weight(live, twice) && !has_weight(recent_.touches, twice)) return std::nullopt;
    HistoryBuilder builder(base.rows.size() + live.size() + recent_.touches.size(), model_.item_vectors.rows);
    for (std::size_t i = 0; i < base.rows.size(); ++i) {
      if (twice.counts_trained(base.rows[i])) builder.touch(base.touch(i));
    }
    for (const auto& touch : live) {
      if (twice.counts_live(touch)) builder.touch(touch);
    }
    for (const auto& touch : recent_.touches) builder.touch(touch);
    return builder.finish(max_items);
  }

  Vector encode(std::span<const Interaction> live, const Base& base) const {
    const auto outside = model_.encoder->outside();
    // The cut for an encoder outside comes after what it does not hear.
    const auto merged = merge(live, base, outside ? kAll : max_history_);
    if (!merged) return std::nullopt;
    return outside ? outside_.vector(*merged, *outside) : model_.encoder->encode(merged->rows, merged->weights);
  }

  const EngineModel& model_;
  const Recent& recent_;
  const OutsideVectors outside_;
  const std::size_t max_history_;
};

void add_seen(std::vector<std::int32_t>& seen, std::span<const ItemKey> items, const EngineModel& model) {
  std::copy_if(items.begin(), items.end(), std::back_inserter(seen),
               [&](ItemKey item) { return item < model.item_vectors.rows; });
}

// One event may make a state of each kind.
constexpr std::uint64_t kUserOwner = 0;
constexpr std::uint64_t kSessionOwner = 1;

void own(UserProfile& profile, const StateCopy& live, std::uint64_t kind, std::size_t first, std::size_t end) {
  if (!live.exists) return;
  profile.owner = {.key = 2 * static_cast<std::uint64_t>(live.state.born) + kind, .version = live.state.version};
  profile.own_seen_first = first;
  profile.own_seen_end = end;
}

/// All of it, however long: neighbours score what training scored, as a stored vector does.
ItemHistory as_trained(const Base& base) {
  return {.rows = {base.rows.begin(), base.rows.end()},
          .weights = {base.weights.begin(), base.weights.end()},
          .times = {base.times.begin(), base.times.end()}};
}

bool wants_something(const std::optional<ItemHistory>& history) {
  return history &&
         std::any_of(history->weights.begin(), history->weights.end(), [](float weight) { return weight > 0; });
}

/// The chain that vectors come from, for the histories themselves. No vector is ever kept in their states, so these
/// come with their interactions.
void find_history(UserProfile& profile, const VectorMaker& maker, const StateCopy& user, const StateCopy& session,
                  const Base& base) {
  if (user.exists || base.vector) {
    profile.fallback = Fallback::kNone;
    profile.history = maker.history(user.state.interactions, base);
    if (!profile.history) profile.history = as_trained(base);
    if (wants_something(profile.history)) return;
  }
  profile.fallback = Fallback::kSession;
  profile.history = maker.history(session.state.interactions, {});
  if (wants_something(profile.history)) return;
  profile.fallback = Fallback::kPopular;
  profile.history.reset();
}

void find_vector(UserProfile& profile, const VectorMaker& maker, EngineState& state, const Subject& subject,
                 const StateCopy& user, const StateCopy& session, Base& base) {
  if (user.exists || base.vector) {
    profile.vector = maker.make(state.users, subject.user_id, user, base);
    if (!profile.vector) profile.vector = std::move(base.vector);
    profile.fallback = Fallback::kNone;
  }
  if (!profile.vector) {
    profile.vector = maker.make(state.sessions, subject.session_id, session, {});
    profile.fallback = Fallback::kSession;
  }
  if (!profile.vector) profile.fallback = Fallback::kPopular;
}

}  // namespace

UserProfile make_profile(const EngineModel& model, EngineState& state, const Subject& subject,
                         std::size_t max_history) {
  const Recent recent = resolve(*model.item_ids, subject.recent_events);
  Base base = base_of(model, subject.user_id);
  StateCopy user;
  StateCopy session;
  {
    SubjectLock lock(state, subject.user_id, subject.session_id);
    user = copy_state(lock.user_shard(), subject.user_id, !recent.touches.empty());
    session = copy_state(lock.session_shard(), subject.session_id, !recent.touches.empty());
  }

  UserProfile profile;
  profile.state_version = std::max(user.state.version, session.state.version);
  add_seen(profile.seen, base.rows, model);
  add_seen(profile.seen, user.state.seen, model);
  const auto users = profile.seen.size();
  add_seen(profile.seen, session.state.seen, model);
  const auto both = profile.seen.size();
  add_seen(profile.seen, recent.seen, model);

  const OutsideVectors outside(subject.encoded, profile.state_version, model.item_vectors.dimension);
  const VectorMaker maker(model, recent, outside, max_history);
  if (model.neighbours != nullptr) {
    find_history(profile, maker, user, session, base);
  } else {
    find_vector(profile, maker, state, subject, user, session, base);
  }
  if (profile.fallback == Fallback::kNone) own(profile, user, kUserOwner, 0, users);
  if (profile.fallback == Fallback::kSession) own(profile, session, kSessionOwner, users, both);
  return profile;
}

}  // namespace recstream
