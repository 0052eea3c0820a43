#include "engine/vector_search.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "index/score_bound.h"

namespace recstream {
namespace {

constexpr std::int64_t kListShare = 8;
constexpr std::int64_t kShortestList = 128;
constexpr std::int64_t kLongestList = 512;

/// Rows of a list made for a query for k: so many that several events do not move the k-th past them, and so few that
/// they are found for not much more than k rows are. 0 when k is too large for a list.
std::int64_t list_length(std::int64_t k) {
  return k > kLongestList / 2 ? 0 : std::clamp(kListShare * k, kShortestList, kLongestList);
}

std::vector<ScoredRow> first_eligible(const std::vector<ScoredRow>& ranked, const RowSet& eligible, std::int64_t k) {
  std::vector<ScoredRow> best;
  for (const auto& scored : ranked) {
    if (static_cast<std::int64_t>(best.size()) == k) break;
    if (eligible.contains(scored.row)) best.push_back(scored);
  }
  return best;
}

}  // namespace

VectorSearch::VectorSearch(const ExactIndex& index, std::int64_t rows, const EngineOptions& options)
    : index_(index),
      rows_(rows),
      keeps_lists_(options.kept_list_bytes > 0 && rows >= options.kept_list_min_items),
      largest_norm_(index.largest_norm()) {}

void VectorSearch::answer(KeptLists& lists, std::span<VectorQuery> queries) const {
  std::vector<Search> open;
  open.reserve(queries.size());
  for (auto& query : queries) {
    if (auto search = begin(lists, query)) open.push_back(std::move(*search));
  }
  while (!open.empty()) {
    scan(open);
    std::erase_if(open, [&](Search& search) { return is_done(lists, search); });
  }
}

std::int64_t VectorSearch::wanted_rows(const VectorQuery& query) const { return std::min(query.request->k, rows_); }

// None when the query is answered.
std::optional<VectorSearch::Search> VectorSearch::begin(KeptLists& lists, VectorQuery& query) const {
  const auto k = wanted_rows(query);
  if (k == 0) return std::nullopt;
  const auto length = std::min(list_length(k), rows_);
  // With seen items eligible rows may be outside the universe of every list.
  if (!keeps_lists_ || query.profile->owner.key == 0 || !query.request->exclude_seen || length == 0) {
    return Search{.query = &query, .length = k};
  }
  ++list_queries_;
  auto list = lists.find(query.profile->owner);
  // A list is of everything not seen; what passes a filter may lie far down in it.
  const bool may_make_list = query.request->filter == nullptr;
  if (list == nullptr && !may_make_list) return Search{.query = &query, .length = k};
  if (list == nullptr) return search_for_list(query, length);
  auto known = list->answer(query.vector, *query.eligible, k,
                            [&](std::span<const std::int64_t> rows) { return index_.scores_of(query.vector, rows); });
  if (known.is_certain) {
    ++list_answers_;
    query.best = std::move(known.best);
    return std::nullopt;
  }
  if (!may_make_list || !list->gives_way()) {
    Search search{.query = &query, .length = k};
    if (static_cast<std::int64_t>(known.best.size()) == k) search.at_least = round_down(known.best.back().score);
    return search;
  }
  auto search = search_for_list(query, length);
  search.predecessor = std::move(list);
  // A list that is a little shorter, for the items seen since, can be had for less.
  if (known.looked_at >= length * 3 / 4) {
    search.length = std::min(known.looked_at, length);
    search.at_least = round_down(known.least_score);
  }
  return search;
}

// The universe is what the owner has not seen, whatever else this query leaves out.
VectorSearch::Search VectorSearch::search_for_list(VectorQuery& query, std::int64_t length) const {
  const auto& profile = *query.profile;
  Search search{.query = &query, .length = length, .universe = RowSet(rows_)};
  for (auto i = profile.own_seen_first; i < profile.own_seen_end; ++i) search.universe->take(profile.seen[i]);
  return search;
}

void VectorSearch::scan(std::span<Search> searches) const {
  std::vector<ScanRequest> requests;
  requests.reserve(searches.size());
  for (auto& search : searches) {
    const auto& eligible = search.universe ? *search.universe : *search.query->eligible;
    search.filter = {.allow = eligible.words(), .exclude = {}, .at_least = search.at_least};
    search.scores.resize(static_cast<std::size_t>(search.length));
    search.rows.resize(static_cast<std::size_t>(search.length));
    requests.push_back({.queries = {.data = search.query->vector.data(), .rows = 1, .dimension = index_.dimension()},
                        .k = search.length,
                        .filters = {&search.filter, 1},
                        .scores = search.scores.data(),
                        .rows = search.rows.data()});
  }
  index_.search_each(requests);
}

// Makes of what was found the answer, and a list if one is wanted; or else a search without one.
bool VectorSearch::is_done(KeptLists& lists, Search& search) const {
  std::vector<ScoredRow> ranked;
  ranked.reserve(search.rows.size());
  for (std::size_t i = 0; i < search.rows.size() && search.rows[i] >= 0; ++i) {
    ranked.push_back({.score = static_cast<double>(search.scores[i]), .row = search.rows[i]});
  }
  auto& query = *search.query;
  if (!search.universe) {
    query.best = std::move(ranked);
    return true;
  }
  const bool is_whole = search.length == rows_ || static_cast<std::int64_t>(ranked.size()) < search.length;
  lists.put(query.profile->owner,
            std::make_shared<const KeptList>(query.vector, ranked, is_whole, largest_norm_, search.predecessor.get()));
  const auto k = wanted_rows(query);
  query.best = first_eligible(ranked, *query.eligible, k);
  if (static_cast<std::int64_t>(query.best.size()) == k) return true;
  search = {.query = &query, .length = k};
  return false;
}

}  // namespace recstream
