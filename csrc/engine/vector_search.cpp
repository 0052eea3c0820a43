#include "engine/vector_search.h"

#include <algorithm>
#include <limits>
#include <memory>

#include "index/score_bound.h"

namespace recstream {
namespace {

constexpr float kNothingKnown = -std::numeric_limits<float>::infinity();
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

std::vector<ScoredRow> VectorSearch::best(KeptLists& lists, const UserProfile& profile, std::span<const float> vector,
                                          const RowSet& eligible, const RecommendRequest& request) const {
  const auto k = std::min(request.k, rows_);
  const auto length = std::min(list_length(k), rows_);
  // With seen items eligible rows may be outside the universe of every list.
  if (!keeps_lists_ || profile.owner.key == 0 || !request.exclude_seen || length == 0) {
    return scan(vector, eligible, k, kNothingKnown);
  }
  ++list_queries_;
  const auto list = lists.find(profile.owner);
  // A list is of everything not seen; what passes a filter may lie far down in it.
  const bool may_make_list = request.filter == nullptr;
  if (list == nullptr && !may_make_list) return scan(vector, eligible, k, kNothingKnown);
  if (list == nullptr)
    return scan_for_list(lists, profile, vector, eligible, k, {.length = length, .predecessor = nullptr});
  auto known = list->answer(vector, eligible, k,
                            [&](std::span<const std::int64_t> rows) { return index_.scores_of(vector, rows); });
  if (known.is_certain) {
    ++list_answers_;
    return std::move(known.best);
  }
  if (!may_make_list || !list->gives_way()) {
    const bool is_full = static_cast<std::int64_t>(known.best.size()) == k;
    return scan(vector, eligible, k, is_full ? round_down(known.best.back().score) : kNothingKnown);
  }
  NewList wanted{.length = length, .predecessor = list.get()};
  // A list that is a little shorter, for the items seen since, can be had for less.
  if (known.looked_at >= length * 3 / 4) {
    wanted.length = std::min(known.looked_at, length);
    wanted.at_least = round_down(known.least_score);
  }
  return scan_for_list(lists, profile, vector, eligible, k, wanted);
}

// The universe is what the owner has not seen, whatever else this query leaves out.
std::vector<ScoredRow> VectorSearch::scan_for_list(KeptLists& lists, const UserProfile& profile,
                                                   std::span<const float> vector, const RowSet& eligible,
                                                   std::int64_t k, const NewList& wanted) const {
  RowSet universe(rows_);
  for (auto i = profile.own_seen_first; i < profile.own_seen_end; ++i) universe.take(profile.seen[i]);
  const auto ranked = scan(vector, universe, wanted.length, wanted.at_least);
  const bool is_whole = wanted.length == rows_ || static_cast<std::int64_t>(ranked.size()) < wanted.length;
  lists.put(profile.owner,
            std::make_shared<const KeptList>(vector, ranked, is_whole, largest_norm_, wanted.predecessor));
  auto found = first_eligible(ranked, eligible, k);
  return static_cast<std::int64_t>(found.size()) == k ? found : scan(vector, eligible, k, kNothingKnown);
}

std::vector<ScoredRow> VectorSearch::scan(std::span<const float> vector, const RowSet& eligible, std::int64_t k,
                                          float at_least) const {
  if (k == 0) return {};
  std::vector<float> scores(static_cast<std::size_t>(k));
  std::vector<std::int64_t> rows(static_cast<std::size_t>(k));
  const RowFilter filter{.allow = eligible.words(), .exclude = {}, .at_least = at_least};
  index_.search({.data = vector.data(), .rows = 1, .dimension = index_.dimension()}, k, {&filter, 1}, scores.data(),
                rows.data());
  std::vector<ScoredRow> ranked;
  for (std::size_t i = 0; i < rows.size() && rows[i] >= 0; ++i) {
    ranked.push_back({.score = static_cast<double>(scores[i]), .row = rows[i]});
  }
  return ranked;
}

}  // namespace recstream
