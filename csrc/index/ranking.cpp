#include "index/ranking.h"

#include <algorithm>
#include <limits>

#include "index/survivors.h"

namespace recstream {
namespace {

// Beyond this, sorting is the faster way.
constexpr std::size_t kMostRanked = 1024;

std::vector<ScoredRow> sorted(std::span<const double> scores, std::span<const std::int64_t> rows, std::int64_t k) {
  std::vector<ScoredRow> all(scores.size());
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = {.score = scores[i], .row = rows[i]};
  keep_best(all, k);
  return all;
}

// Scores that differ less than float32 can tell got their order by chance.
void order_equals(std::vector<ScoredRow>& ranked) {
  for (std::size_t first = 0; first + 1 < ranked.size(); ++first) {
    std::size_t end = first + 1;
    while (end < ranked.size() && static_cast<float>(ranked[end].score) == static_cast<float>(ranked[first].score)) {
      ++end;
    }
    if (end == first + 1) continue;
    std::sort(ranked.begin() + static_cast<std::ptrdiff_t>(first), ranked.begin() + static_cast<std::ptrdiff_t>(end),
              [](const ScoredRow& a, const ScoredRow& b) { return ranks_before(a, b); });
    first = end - 1;
  }
}

}  // namespace

std::vector<ScoredRow> RowRanking::best(std::span<const double> scores, std::span<const std::int64_t> rows,
                                        std::int64_t k) {
  const auto wanted = static_cast<std::size_t>(k);
  choose(scores, wanted);
  if (places_.size() > kMostRanked) return sorted(scores, rows, k);
  ranks_.resize(places_.size());
  kernels_.rank(keys_.data(), places_.size(), ranks_.data());
  std::vector<ScoredRow> ranked(places_.size());
  for (std::size_t i = 0; i < places_.size(); ++i) {
    ranked[static_cast<std::size_t>(ranks_[i])] = {.score = scores[places_[i]], .row = rows[places_[i]]};
  }
  order_equals(ranked);
  ranked.resize(std::min(ranked.size(), wanted));
  return ranked;
}

// All that reach the k-th key, so more than k when float32 cannot tell them from it.
void RowRanking::choose(std::span<const double> scores, std::size_t k) {
  keys_.resize(scores.size());
  // Both zeros are the same score.
  std::transform(scores.begin(), scores.end(), keys_.begin(),
                 [](double score) { return ordinal_of(static_cast<float>(score) + 0.0F); });
  const auto least = scores.size() > k ? kernels_.reached_by(keys_.data(), keys_.size(), k, 0, kLowestOrdinal)
                                       : std::numeric_limits<std::int32_t>::min();
  places_.resize(scores.size());
  std::size_t chosen = 0;
  for (std::size_t i = 0; i < scores.size(); ++i) {
    const auto key = keys_[i];
    keys_[chosen] = key;
    places_[chosen] = i;
    chosen += key >= least ? 1U : 0U;
  }
  places_.resize(chosen);
}

}  // namespace recstream
