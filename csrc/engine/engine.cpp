#include "recstream/engine.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <numeric>
#include <stdexcept>
#include <thread>
#include <unordered_set>
#include <utility>

#include "engine/engine_state.h"
#include "engine/snapshot.h"
#include "engine/snapshot_encoder.h"
#include "engine/user_profile.h"
#include "engine/vector_search.h"
#include "neighbours/neighbour_ranking.h"
#include "row_set.h"

namespace recstream {
namespace {

constexpr std::int64_t kUnbounded = std::numeric_limits<std::int64_t>::max();
constexpr std::chrono::microseconds kBetweenSteps{50};

std::vector<std::int32_t> rows_by_popularity(std::span<const float> popularity) {
  std::vector<std::int32_t> rows(popularity.size());
  std::iota(rows.begin(), rows.end(), 0);
  std::stable_sort(rows.begin(), rows.end(), [&](std::int32_t a, std::int32_t b) {
    return popularity[static_cast<std::size_t>(a)] > popularity[static_cast<std::size_t>(b)];
  });
  return rows;
}

void require_row(std::int64_t row, std::int64_t rows, const char* what) {
  if (row >= 0 && row < rows) return;
  throw std::invalid_argument(std::string(what) + ": row " + std::to_string(row) + " is not in the catalogue of " +
                              std::to_string(rows) + " items");
}

void require_filter(const CompiledFilter* filter, std::int64_t rows) {
  if (filter == nullptr || filter->rows() == rows) return;
  throw std::invalid_argument("filter: was compiled for " + std::to_string(filter->rows()) +
                              " rows, the catalogue has " + std::to_string(rows) + " items");
}

void require_k(std::int64_t k) {
  if (k < 1) throw std::invalid_argument("k must be at least 1, got " + std::to_string(k));
}

/// Neighbours need no index.
MatrixView indexed_vectors(const EngineModel& model) {
  return model.neighbours == nullptr ? model.item_vectors
                                     : MatrixView{.data = nullptr, .rows = 0, .dimension = kMinDimension};
}

/// For rows given one by one or as a set.
template <class Rows>
std::vector<ScoredRow> rank_for_history(const EngineModel& model, const ItemHistory& history, const Rows& rows,
                                        std::int64_t k) {
  return rank_by_neighbours(model.neighbours->scores(history.rows, history.weights), model.item_popularity, rows, k);
}

template <class Work>
void keep_failure(std::exception_ptr& failure, const Work& work) noexcept {
  try {
    work();
  } catch (...) {
    failure = std::current_exception();
  }
}

Answer to_answer(const std::vector<ScoredRow>& ranked) {
  Answer answer;
  answer.rows.reserve(ranked.size());
  answer.scores.reserve(ranked.size());
  for (const auto& [score, row] : ranked) {
    answer.rows.push_back(row);
    answer.scores.push_back(static_cast<float>(score));
  }
  return answer;
}

}  // namespace

/// A request that was understood.
struct OpenQuery {
  const RecommendRequest* request;
  UserProfile profile;
  RowSet eligible;
  std::vector<std::string_view> missing = {};
  /// Whether `ranked` is yet to be found by vector.
  bool needs_search = false;
  std::vector<ScoredRow> ranked = {};
  std::exception_ptr failure = nullptr;
  /// Of the request among those that came with it.
  std::size_t place = 0;
};

namespace {

Answer to_answer(OpenQuery query) {
  auto answer = to_answer(query.ranked);
  answer.state_version = query.profile.state_version;
  answer.fallback = query.profile.fallback;
  answer.missing = std::move(query.missing);
  return answer;
}

}  // namespace

Engine::Engine(const EngineModel& model, const EngineOptions& options)
    : model_((require_model(model), model)),
      options_((require_options(options), options)),
      index_(indexed_vectors(model), options.threads, {}),
      search_(std::make_unique<const VectorSearch>(index_, model.item_vectors.rows, options)),
      popular_rows_(rows_by_popularity(model.item_popularity)),
      state_(std::make_shared<EngineState>(*model.item_ids, kUnbounded, options_)) {}

Engine::~Engine() = default;

Answer Engine::recommend(const RecommendRequest& request) const {
  auto outcome = std::move(recommend_many({&request, 1}).front());
  if (outcome.failure) std::rethrow_exception(outcome.failure);
  return std::move(outcome.answer);
}

std::vector<Recommendation> Engine::recommend_many(std::span<const RecommendRequest> requests) const {
  const auto current = state();
  std::vector<Recommendation> outcomes(requests.size());
  std::vector<OpenQuery> open_queries;
  open_queries.reserve(requests.size());
  for (std::size_t i = 0; i < requests.size(); ++i) {
    keep_failure(outcomes[i].failure, [&] {
      open_queries.push_back(open(requests[i], *current));
      open_queries.back().place = i;
    });
  }
  search(open_queries, *current);
  for (auto& query : open_queries) {
    auto& outcome = outcomes[query.place];
    outcome.failure = query.failure;
    if (!outcome.failure) keep_failure(outcome.failure, [&] { outcome.answer = to_answer(std::move(query)); });
  }
  return outcomes;
}

// All but the scan.
OpenQuery Engine::open(const RecommendRequest& request, EngineState& state) const {
  require_k(request.k);
  if (request.candidate_ids && request.candidate_rows) {
    throw std::invalid_argument("candidates and candidate_rows must not be given together");
  }
  require_filter(request.filter, model_.item_vectors.rows);
  OpenQuery query{
      .request = &request,
      .profile = make_profile(model_, state, request.subject, static_cast<std::size_t>(options_.max_history)),
      .eligible = RowSet(model_.item_vectors.rows)};
  const auto& profile = query.profile;
  auto& eligible = query.eligible;
  if (request.filter != nullptr) eligible.keep(request.filter->words());
  if (request.exclude_seen) {
    for (const auto row : profile.seen) eligible.take(row);
  }
  for (const auto id : request.exclude) {
    if (const auto row = model_.item_ids->find(id); row >= 0) eligible.take(row);
  }
  if (request.candidate_ids || request.candidate_rows) {
    const auto candidates = candidate_rows(request, eligible, query.missing);
    query.ranked = profile.history  ? rank_for_history(model_, *profile.history, candidates, request.k)
                   : profile.vector ? index_.rank(*profile.vector, candidates, request.k)
                                    : popular(candidates, request.k);
  } else if (profile.history) {
    query.ranked = rank_for_history(model_, *profile.history, eligible, request.k);
  } else if (profile.vector) {
    query.needs_search = true;
  } else {
    query.ranked = popular(eligible, request.k);
  }
  return query;
}

// When one of them makes the search fail, each is searched for alone.
void Engine::search(std::span<OpenQuery> queries, EngineState& state) const {
  std::vector<VectorQuery> searched;
  std::vector<OpenQuery*> askers;
  searched.reserve(queries.size());
  askers.reserve(queries.size());
  for (auto& query : queries) {
    const auto& vector = query.profile.vector;
    if (!query.needs_search || !vector) continue;
    searched.push_back(
        {.vector = *vector, .profile = &query.profile, .eligible = &query.eligible, .request = query.request});
    askers.push_back(&query);
  }
  std::exception_ptr failure;
  keep_failure(failure, [&] { search_->answer(state.lists, searched); });
  for (std::size_t i = 0; i < searched.size(); ++i) {
    if (failure) keep_failure(askers[i]->failure, [&] { search_->answer(state.lists, {&searched[i], 1}); });
    askers[i]->ranked = std::move(searched[i].best);
  }
}

std::vector<std::int64_t> Engine::candidate_rows(const RecommendRequest& request, RowSet& eligible,
                                                 std::vector<std::string_view>& missing) const {
  std::vector<std::int64_t> rows;
  // Taking a row out of the eligible ones as it comes also makes it count once.
  for (const auto row : request.candidate_rows.value_or(std::span<const std::int64_t>{})) {
    if (row == -1) continue;
    require_row(row, model_.item_vectors.rows, "candidate_rows");
    if (eligible.take(row)) rows.push_back(row);
  }
  std::unordered_set<std::string_view> reported;
  for (const auto id : request.candidate_ids.value_or(std::span<const std::string_view>{})) {
    const auto row = model_.item_ids->find(id);
    if (row < 0) {
      if (reported.insert(id).second) missing.push_back(id);
    } else if (eligible.take(row)) {
      rows.push_back(row);
    }
  }
  return rows;
}

std::vector<ScoredRow> Engine::popular(const RowSet& eligible, std::int64_t k) const {
  std::vector<ScoredRow> ranked;
  for (const auto row : popular_rows_) {
    if (static_cast<std::int64_t>(ranked.size()) == k) break;
    if (eligible.contains(row)) {
      ranked.push_back(
          {.score = static_cast<double>(model_.item_popularity[static_cast<std::size_t>(row)]), .row = row});
    }
  }
  return ranked;
}

std::vector<ScoredRow> Engine::popular(const std::vector<std::int64_t>& candidates, std::int64_t k) const {
  std::vector<ScoredRow> ranked;
  ranked.reserve(candidates.size());
  for (const auto row : candidates) {
    ranked.push_back({.score = static_cast<double>(model_.item_popularity[static_cast<std::size_t>(row)]), .row = row});
  }
  keep_best(ranked, k);
  return ranked;
}

UserVector Engine::user_vector(const Subject& subject) const {
  auto profile = make_profile(model_, *state(), subject, static_cast<std::size_t>(options_.max_history));
  RowSet unseen(model_.item_vectors.rows);
  const auto seen = std::count_if(profile.seen.begin(), profile.seen.end(), [&](auto row) { return unseen.take(row); });
  return {.vector = std::move(profile.vector), .seen_count = seen};
}

std::optional<Unencoded> Engine::unencoded(const Subject& subject) const {
  try {
    make_profile(model_, *state(), subject, static_cast<std::size_t>(options_.max_history));
  } catch (const NotEncoded& error) {
    return error.needed();
  }
  return std::nullopt;
}

Answer Engine::similar(std::int64_t row, std::int64_t k, const CompiledFilter* filter) const {
  require_k(k);
  require_row(row, model_.item_vectors.rows, "row");
  require_filter(filter, model_.item_vectors.rows);
  return to_answer(model_.neighbours == nullptr ? index_.nearest(row, k, filter)
                                                : similar_by_neighbours(row, k, filter));
}

std::vector<ScoredRow> Engine::similar_by_neighbours(std::int64_t row, std::int64_t k,
                                                     const CompiledFilter* filter) const {
  RowSet others(model_.item_vectors.rows);
  if (filter != nullptr) others.keep(filter->words());
  others.take(row);
  return rank_by_neighbours(model_.neighbours->similarities(row), model_.item_popularity, others, k);
}

void Engine::apply(std::span<const Event> events) {
  const std::scoped_lock lock(writer_);
  const auto current = state();
  require_events(events, current->version);
  for (const auto& event : events) fold_event(*current, event, static_cast<std::size_t>(options_.max_history));
}

std::int64_t Engine::state_version() const { return state()->version; }

std::string Engine::snapshot() const {
  const auto current = state();
  SnapshotEncoder encoder(*current);
  const auto step = [&] {
    const std::scoped_lock lock(writer_);
    return encoder.step();
  };
  // A mutex is not fair: only a pause lets a writer in that waits for it.
  while (!step()) std::this_thread::sleep_for(kBetweenSteps);
  return std::move(encoder).encode();
}

void Engine::restore(std::string_view snapshot) {
  auto fresh = std::make_shared<EngineState>(*model_.item_ids, kUnbounded, options_);
  decode_snapshot(snapshot, *fresh, static_cast<std::size_t>(options_.max_history));
  const std::scoped_lock lock(writer_, state_mutex_);
  state_.swap(fresh);
}

EngineStats Engine::stats() const {
  const auto current = state();
  const auto users = static_cast<std::int64_t>(current->users.size());
  const auto sessions = static_cast<std::int64_t>(current->sessions.size());
  const auto vector_bytes = (users + sessions) * index_.dimension() * static_cast<std::int64_t>(sizeof(float));
  return {.items = model_.item_vectors.rows,
          .users_known = model_.user_ids->size(),
          .users_in_state = users,
          .sessions_in_state = sessions,
          .state_version = current->version,
          .state_bytes = current->users.bytes() + current->sessions.bytes() + current->items.bytes() + vector_bytes,
          .list_queries = search_->list_queries(),
          .list_answers = search_->list_answers(),
          .list_bytes = current->lists.bytes()};
}

std::shared_ptr<EngineState> Engine::state() const {
  const std::scoped_lock lock(state_mutex_);
  return state_;
}

}  // namespace recstream
