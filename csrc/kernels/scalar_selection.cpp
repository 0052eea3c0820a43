// Counting and choosing among intervals; loops that compilers vectorise with whatever the baseline has.
#include <algorithm>
#include <bit>

#include "kernels/kernels.h"
#include "kernels/scalar.h"

namespace recstream::kernels::scalar {
namespace {

constexpr double kLargestCutoff = 0x1p26;

std::size_t count_from(const std::int32_t* values, std::size_t n, std::int32_t least) {
  std::int32_t count = 0;
  for (std::size_t i = 0; i < n; ++i) count += values[i] >= least ? 1 : 0;
  return static_cast<std::size_t>(count);
}

std::int32_t ordinal(float value) {
  const auto bits = std::bit_cast<std::int32_t>(value);
  return bits ^ ((bits >> 31) & 0x7fffffff);
}

}  // namespace

void set_cutoffs(const RunBounds& run, const QueryBound& query, std::int32_t* cutoffs) {
  for (int g = 0; g < kRunGroups; ++g) {
    const double end = query.threshold - (query.error * run.norm[g] + query.length * run.residual[g]);
    double least = end * (query.steps * run.steps[g]);
    least = least < kLargestCutoff ? least : kLargestCutoff;
    least = least > -kLargestCutoff ? least : -kLargestCutoff;
    // One less than truncation is never above the value.
    cutoffs[g] = static_cast<std::int32_t>(least) - 1;
  }
}

std::uint64_t bits_at(const std::uint64_t* bitmap, const std::uint32_t* rows, int n) {
  std::uint64_t bits = 0;
  for (int i = 0; i < n; ++i) bits |= (bitmap[rows[i] / 64] >> (rows[i] % 64) & 1U) << i;
  return bits;
}

std::size_t add_intervals(const ScoredGroup& group, std::int32_t least, const Intervals& end) {
  std::size_t added = 0;
  for (auto matched = group.matched; matched != 0; matched &= matched - 1) {
    const int row = std::countr_zero(matched);
    const float score = group.scale * static_cast<float>(group.scores[row]);
    end.lowers[added] = ordinal(score - group.error);
    end.uppers[added] = ordinal(score + group.error);
    end.names[added] = group.first_name - row;
    added += end.uppers[added] >= least ? 1U : 0U;
  }
  return added;
}

// Bisection needs only counting: a sixth of the time of nth_element.
std::int32_t reached_by(const std::int32_t* values, std::size_t n, std::size_t k, std::size_t slack,
                        std::int32_t least) {
  std::int64_t low = std::max(least, *std::min_element(values, values + n));
  std::int64_t high = std::int64_t{*std::max_element(values, values + n)} + 1;
  while (high - low > 1) {
    const std::int64_t middle = low + (high - low) / 2;
    const auto reached = count_from(values, n, static_cast<std::int32_t>(middle));
    (reached >= k ? low : high) = middle;
    if (reached >= k && reached <= k + slack) break;
  }
  return static_cast<std::int32_t>(low);
}

std::size_t keep_reaching(const Intervals& intervals, std::size_t n, std::int32_t least) {
  std::size_t kept = 0;
  for (std::size_t i = 0; i < n; ++i) {
    intervals.lowers[kept] = intervals.lowers[i];
    intervals.names[kept] = intervals.names[i];
    const auto upper = intervals.uppers[i];
    intervals.uppers[kept] = upper;
    kept += upper >= least ? 1U : 0U;
  }
  return kept;
}

void rank(const std::int32_t* values, std::size_t n, std::int32_t* ranks) {
  for (std::size_t i = 0; i < n; ++i) {
    const auto value = values[i];
    std::int32_t before = 0;
    for (std::size_t j = 0; j < i; ++j) before += values[j] >= value ? 1 : 0;
    for (std::size_t j = i; j < n; ++j) before += values[j] > value ? 1 : 0;
    ranks[i] = before;
  }
}

}  // namespace recstream::kernels::scalar
