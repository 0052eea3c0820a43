#include "neighbours/neighbour_ranking.h"

#include <algorithm>
#include <cstddef>

namespace recstream {
namespace {

/// Collects rows by what their score says, so that the usual case, k items that something speaks for, sorts only those.
class Ranking {
 public:
  Ranking(std::span<const double> scores, std::span<const float> popularity)
      : scores_(scores), popularity_(popularity) {}

  void add(std::int64_t row) {
    const double score = scores_[static_cast<std::size_t>(row)];
    (score > 0 ? wanted_ : score < 0 ? unwanted_ : unknown_).push_back({.score = score, .row = row});
  }

  std::vector<ScoredRow> best(std::int64_t k) && {
    keep_best(wanted_, k);
    if (const auto left = k - size(wanted_); left > 0) {
      append_popular(left);
    }
    if (const auto left = k - size(wanted_); left > 0) {
      keep_best(unwanted_, left);
      wanted_.insert(wanted_.end(), unwanted_.begin(), unwanted_.end());
    }
    return std::move(wanted_);
  }

 private:
  static std::int64_t size(const std::vector<ScoredRow>& rows) { return static_cast<std::int64_t>(rows.size()); }

  void append_popular(std::int64_t count) {
    for (auto& [score, row] : unknown_) score = static_cast<double>(popularity_[static_cast<std::size_t>(row)]);
    keep_best(unknown_, count);
    for (const auto& [score, row] : unknown_) wanted_.push_back({.score = 0, .row = row});
  }

  const std::span<const double> scores_;
  const std::span<const float> popularity_;
  std::vector<ScoredRow> wanted_;
  std::vector<ScoredRow> unknown_;
  std::vector<ScoredRow> unwanted_;
};

}  // namespace

std::vector<ScoredRow> rank_by_neighbours(std::span<const double> scores, std::span<const float> popularity,
                                          std::span<const std::int64_t> rows, std::int64_t k) {
  Ranking ranking(scores, popularity);
  for (const auto row : rows) ranking.add(row);
  return std::move(ranking).best(k);
}

std::vector<ScoredRow> rank_by_neighbours(std::span<const double> scores, std::span<const float> popularity,
                                          const RowSet& rows, std::int64_t k) {
  Ranking ranking(scores, popularity);
  for (std::int64_t row = 0; row < static_cast<std::int64_t>(scores.size()); ++row) {
    if (rows.contains(row)) ranking.add(row);
  }
  return std::move(ranking).best(k);
}

}  // namespace recstream
