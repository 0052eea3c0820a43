#pragma once

#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "recstream/compiled_filter.h"
#include "recstream/exact_index.h"
#include "recstream/id_table.h"
#include "recstream/matrix_view.h"
#include "recstream/neighbour_scorer.h"
#include "recstream/user_encoder.h"

namespace recstream {

struct EngineState;
struct OpenQuery;
class RowSet;
class VectorSearch;

/// What an answer is based on. The numbers are those of recstream.v1.Fallback.
enum class Fallback : std::uint8_t { kNone = 1, kSession = 2, kPopular = 3 };

/// An event that changes state. Views memory of the caller.
struct Event {
  std::int64_t version = 0;
  /// Either may be empty, not both.
  std::string_view user_id;
  std::string_view session_id;
  std::string_view item_id;
  double weight = 0;
  bool marks_seen = false;
  /// Unix seconds; 0 where nobody knows.
  std::int64_t time = 0;
};

/// An event that one query takes into account.
struct RecentEvent {
  std::string_view item_id;
  double weight = 0;
  bool marks_seen = false;
  /// Unix seconds; 0 where nobody knows.
  std::int64_t time = 0;
};

/// A subject's vector, made outside of the core from what `Engine::unencoded` told.
struct EncodedVector {
  std::int64_t state_version = 0;
  std::span<const float> vector;
};

/// Whom a query is about.
struct Subject {
  std::string_view user_id;
  std::string_view session_id;
  /// The latest last.
  std::span<const RecentEvent> recent_events;
  /// Used where a vector is needed that the state does not hold, if it is of the state as it is now.
  std::optional<EncodedVector> encoded = std::nullopt;
};

/// What an encoder outside of the core is to make a vector of: distinct items, oldest first, at least one.
struct Unencoded {
  /// Of the subject, to come back with the vector.
  std::int64_t state_version = 0;
  std::vector<std::int64_t> rows;
  std::vector<float> weights;
  /// Unix seconds of the latest event on each, 0 where nobody knows.
  std::vector<std::int64_t> times;
};

/// Thrown when an answer needs a vector that is to be made outside of the core first.
class NotEncoded : public std::runtime_error {
 public:
  explicit NotEncoded(Unencoded needed)
      : std::runtime_error("the vector must be made outside of the engine first; see unencoded"),
        needed_(std::make_shared<const Unencoded>(std::move(needed))) {}

  const Unencoded& needed() const { return *needed_; }

 private:
  /// Shared, because copying an exception must not throw.
  std::shared_ptr<const Unencoded> needed_;
};

struct RecommendRequest {
  Subject subject;
  std::int64_t k = 10;
  /// At most one of the two: recommend from these only, given by id or by row. Rows of -1, with which approximate
  /// indexes fill up, are ignored.
  std::optional<std::span<const std::string_view>> candidate_ids;
  std::optional<std::span<const std::int64_t>> candidate_rows;
  std::span<const std::string_view> exclude;
  bool exclude_seen = true;
  /// Rows that may be recommended; all when null. Borrowed for the call.
  const CompiledFilter* filter = nullptr;
};

struct Answer {
  /// Best first, ties by lower row.
  std::vector<std::int64_t> rows;
  std::vector<float> scores;
  /// Of the last event of the user, or of the session given with it, that the answer reflects; 0 for none.
  std::int64_t state_version = 0;
  Fallback fallback = Fallback::kNone;
  /// Candidates that the catalogue does not have, once each, in the order given.
  std::vector<std::string_view> missing;
};

/// What became of one of several requests: its answer, or what `Engine::recommend` throws for it.
struct Recommendation {
  Answer answer;
  std::exception_ptr failure;
};

struct UserVector {
  /// None for the popular fallback, and with neighbours.
  std::optional<std::vector<float>> vector;
  /// Items of the catalogue.
  std::int64_t seen_count = 0;
};

/// What a model brings. Everything is borrowed, and must stay unchanged while an engine uses it.
struct EngineModel {
  const IdTable* item_ids = nullptr;
  MatrixView item_vectors;
  std::span<const float> item_popularity;
  const IdTable* user_ids = nullptr;
  MatrixView user_vectors;
  /// CSR: the items of user u, oldest first, are entries pointers[u] to pointers[u + 1].
  std::span<const std::int64_t> history_pointers;
  std::span<const std::int32_t> history_rows;
  std::span<const float> history_weights;
  /// Unix seconds, 0 where nobody knows; empty where no time is known.
  std::span<const std::int64_t> history_times = {};
  /// Version of the log up to which the history is made of the very events that are applied; 0 when of other data. An
  /// item that is in a user's history and in their state counts once: as training knew it while its last event is not
  /// above this version, and from then on as all its events say.
  std::int64_t trained_version = 0;
  const UserEncoder* encoder = nullptr;
  /// Scores items in place of vectors: there is no encoder then, and the vectors have as many rows and dimension 0.
  const NeighbourScorer* neighbours = nullptr;
};

struct EngineOptions {
  /// Distinct items, latest kept, that a vector is made from.
  std::int64_t max_history = 1000;
  std::int64_t max_sessions = 1'000'000;
  /// Memory for the best rows of users and sessions with live state, which answer most queries after a small change
  /// without a scan; 0 for none. The answers are the same.
  std::int64_t kept_list_bytes = std::int64_t{64} << 20;
  /// Catalogues with fewer items are scanned each time, which takes no longer.
  std::int64_t kept_list_min_items = 100'000;
  /// As in ExactIndex.
  int threads = 0;
};

/// Both throw std::invalid_argument, naming the part, for shapes that do not fit or values out of range.
void require_model(const EngineModel& model);
void require_options(const EngineOptions& options);

struct EngineStats {
  std::int64_t items;
  std::int64_t users_known;
  std::int64_t users_in_state;
  std::int64_t sessions_in_state;
  std::int64_t state_version;
  std::int64_t state_bytes;
  /// Queries that a kept list was looked for, and those of them that one answered without a scan.
  std::int64_t list_queries;
  std::int64_t list_answers;
  std::int64_t list_bytes;
};

/// Catalogue, user state, and the one call that answers a query.
///
/// State is a deterministic fold of the events given to `apply`, on top of the history that the model was trained on:
/// two engines that were given the same events answer with the same bits, whenever and from however many threads they
/// were asked. All functions are safe to call at once. A query sees each user as of one moment, and waits for a writer
/// for microseconds at most; `apply` and `restore` wait for each other, and for the steps of a snapshot, each a
/// fraction of a millisecond.
class Engine {
 public:
  /// Throws std::invalid_argument, naming the part, for shapes that do not fit or values out of range.
  /// O(items * dimension + items log items + history).
  Engine(const EngineModel& model, const EngineOptions& options);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  /// User state, vector, exclusions, scan and top K. The vector comes from, in turn: the user's state or history with
  /// the recent events as its latest; without those, the recent events on top of the session; else there is none, and
  /// what is popular is the answer. While no live or recent event of the user has a weight, the vector is the stored
  /// one. With neighbours the same events make up the history that items are scored for; items that it says nothing of
  /// follow by popularity. K items come back whenever K are eligible. `missing` views the request.
  /// Throws std::invalid_argument for k < 1, both kinds of candidates, rows out of range, or a filter over another
  /// number of rows than the catalogue's, and NotEncoded when the encoder is outside of the core and has yet to make
  /// the vector.
  Answer recommend(const RecommendRequest& request) const;

  /// As `recommend` for each of the requests, which share scans; what one of them would throw is its own. Each
  /// sees its user as of one moment.
  std::vector<Recommendation> recommend_many(std::span<const RecommendRequest> requests) const;

  /// The vector that `recommend` would use. Throws as it does.
  UserVector user_vector(const Subject& subject) const;

  /// What has to be encoded outside of the core before `recommend` can answer for a subject; none when nothing has.
  /// A vector that comes back in `Subject::encoded` without recent events is kept until the state changes.
  std::optional<Unencoded> unencoded(const Subject& subject) const;

  /// The k items with the highest cosine to a row of the catalogue, or with neighbours the most similar ones, without
  /// itself, of those that pass the filter; all when it is null. Throws std::invalid_argument.
  Answer similar(std::int64_t row, std::int64_t k, const CompiledFilter* filter = nullptr) const;

  /// Folds events in. Visible to every query that starts after the return. Throws std::invalid_argument, and applies
  /// none, when versions do not rise strictly, also from call to call, or an event has neither user nor session, no
  /// item, or a weight that is not finite.
  void apply(std::span<const Event> events);

  /// Version of the last event applied; 0 at first.
  std::int64_t state_version() const;

  /// The state in the form of snapshot.h, independent of the model; consistent at one state_version, which may be that
  /// of events applied while it was made.
  std::string snapshot() const;

  /// Replaces the state. Throws std::invalid_argument for a damaged snapshot, and changes nothing.
  void restore(std::string_view snapshot);

  EngineStats stats() const;

  const EngineModel& model() const { return model_; }
  const ExactIndex& index() const { return index_; }

 private:
  std::shared_ptr<EngineState> state() const;
  OpenQuery open(const RecommendRequest& request, EngineState& state) const;
  void search(std::span<OpenQuery> queries, EngineState& state) const;
  std::vector<std::int64_t> candidate_rows(const RecommendRequest& request, RowSet& eligible,
                                           std::vector<std::string_view>& missing) const;
  std::vector<ScoredRow> popular(const RowSet& eligible, std::int64_t k) const;
  std::vector<ScoredRow> popular(const std::vector<std::int64_t>& candidates, std::int64_t k) const;
  std::vector<ScoredRow> similar_by_neighbours(std::int64_t row, std::int64_t k, const CompiledFilter* filter) const;

  const EngineModel model_;
  const EngineOptions options_;
  const ExactIndex index_;
  const std::unique_ptr<const VectorSearch> search_;
  /// All rows, the most popular first.
  const std::vector<std::int32_t> popular_rows_;
  /// Held by whoever changes the state.
  mutable std::mutex writer_;
  mutable std::mutex state_mutex_;
  std::shared_ptr<EngineState> state_;
};

}  // namespace recstream
