#include "engine/kept_list.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace recstream {
namespace {

// Room for the rounding of norms and of the bound itself, as in CodeBound.
constexpr double kSlack = 1 + 0x1p-40;
// Rows that are scored beyond the first k before looking how far to go.
constexpr std::size_t kExtraRows = 8;

// At least the number of which `value` is the nearest float, or itself.
float step_up(double value) { return std::nextafterf(static_cast<float>(value), HUGE_VALF); }

double norm_of(std::span<const float> vector) {
  double square = 0;
  for (const auto x : vector) square += static_cast<double>(x) * static_cast<double>(x);
  return std::sqrt(square);
}

double distance(std::span<const float> a, std::span<const float> b) {
  double square = 0;
  for (std::size_t j = 0; j < a.size(); ++j) {
    const double difference = static_cast<double>(a[j]) - static_cast<double>(b[j]);
    square += difference * difference;
  }
  return std::sqrt(square);
}

}  // namespace

KeptList::KeptList(std::span<const float> vector, const std::vector<ScoredRow>& best, bool is_whole,
                   double largest_norm, const KeptList* predecessor)
    : vector_(vector.begin(), vector.end()),
      is_whole_(is_whole),
      norm_(norm_of(vector)),
      largest_norm_(largest_norm),
      failed_before_(predecessor == nullptr ? 0 : predecessor->failed_in_a_row()) {
  scores_.reserve(best.size());
  rows_.reserve(best.size());
  for (const auto& [score, row] : best) {
    scores_.push_back(step_up(score));
    rows_.push_back(static_cast<std::int32_t>(row));
  }
}

KeptList::Outcome KeptList::answer(std::span<const float> vector, const RowSet& eligible, std::int64_t k,
                                   const Scorer& score) const {
  const double change = spread(vector);
  const auto wanted = static_cast<std::size_t>(k);
  Outcome outcome{.best = {}, .is_certain = false, .looked_at = 0, .least_score = HUGE_VAL};
  std::vector<std::int64_t> step;
  std::size_t position = 0;
  std::size_t end = end_of(wanted + kExtraRows, eligible);
  for (;;) {
    step.clear();
    for (; position < end; ++position) {
      if (eligible.contains(rows_[position])) step.push_back(rows_[position]);
    }
    for (const auto& scored : score(step)) {
      outcome.best.push_back(scored);
      outcome.least_score = std::min(outcome.least_score, scored.score);
      ++outcome.looked_at;
    }
    keep_best(outcome.best, k);
    const bool is_full = outcome.best.size() == wanted;
    const double kth = is_full ? outcome.best.back().score : -HUGE_VAL;
    outcome.is_certain = kth > reach(position, change) || (is_whole_ && position == rows_.size());
    if (outcome.is_certain) has_answered_ = true;
    if (outcome.is_certain || position == rows_.size()) return outcome;
    end = is_full ? first_below(kth, change) : rows_.size();
  }
}

bool KeptList::gives_way() const { return has_answered_ || failures_++ >= failed_before_; }

int KeptList::failed_in_a_row() const {
  constexpr int kMost = 16;
  return has_answered_ ? 0 : std::min(failed_before_ + 1, kMost);
}

std::int64_t KeptList::bytes() const {
  return static_cast<std::int64_t>(sizeof(KeptList) + vector_.size() * sizeof(float) +
                                   rows_.size() * (sizeof(float) + sizeof(std::int32_t)));
}

// How far any row's score can move from the list's vector to another one. Both scores are float64 sums, each within
// 1.01 d 2^-53 |u| |x| of the inner product; (d + 64) 2^-53 makes room for the sum in reach() as well.
double KeptList::spread(std::span<const float> vector) const {
  const double rounding = static_cast<double>(vector.size() + 64) * 0x1p-52 * (norm_ + norm_of(vector));
  return kSlack * kSlack * largest_norm_ * (distance(vector_, vector) + rounding);
}

// The most that a row at a position, after it or outside can score.
double KeptList::reach(std::size_t position, double spread) const {
  if (position < rows_.size()) return static_cast<double>(scores_[position]) + spread;
  return is_whole_ ? -std::numeric_limits<double>::infinity() : static_cast<double>(scores_.back()) + spread;
}

// The position behind as many eligible rows, or the end.
std::size_t KeptList::end_of(std::size_t wanted, const RowSet& eligible) const {
  std::size_t position = 0;
  for (std::size_t found = 0; position < rows_.size() && found < wanted; ++position) {
    found += eligible.contains(rows_[position]) ? 1 : 0;
  }
  return position;
}

// The first position from which on all rows stay below a score.
std::size_t KeptList::first_below(double score, double spread) const {
  const auto place = std::partition_point(scores_.begin(), scores_.end(),
                                          [&](float held) { return static_cast<double>(held) + spread >= score; });
  return static_cast<std::size_t>(place - scores_.begin());
}

}  // namespace recstream
