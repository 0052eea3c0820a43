#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "kernels/kernels.h"

namespace recstream {

/// Position of a float among all floats: neighbours differ by one, -inf and +inf included, so that the order of floats
/// is that of integers, and one step outwards makes a rounded end of an interval a safe one.
inline std::int32_t ordinal_of(float value) {
  const auto bits = std::bit_cast<std::int32_t>(value);
  return bits ^ ((bits >> 31) & 0x7fffffff);
}
inline float float_at(std::int32_t ordinal) { return std::bit_cast<float>(ordinal ^ ((ordinal >> 31) & 0x7fffffff)); }
inline constexpr std::int32_t kLowestOrdinal = std::bit_cast<std::int32_t>(0xff800000) ^ 0x7fffffff;

/// The rows that may still be among the k best of one query.
///
/// Invariant: a row that was added and is not held any more has an upper end below the threshold, and k rows, added
/// here or where a raise came from, have a lower end at or above it; so it cannot be among the k best, not even by a
/// tie. Not safe for use from several threads. `add` is O(1) amortised: the buffer is pruned only when it has doubled.
class Survivors {
 public:
  Survivors(std::size_t k, const kernels::Table& kernels);

  /// Rows whose upper end is below this need not be added.
  float threshold() const { return float_at(threshold_); }

  /// Adds a row, under any name that its scan gives it, whose score lies in [lower, upper].
  void add(double lower, double upper, std::int64_t row) {
    lowers_[size_] = std::max(ordinal_of(static_cast<float>(lower)) - 1, kLowestOrdinal);
    uppers_[size_] = ordinal_of(static_cast<float>(upper)) + 1;
    rows_[size_] = row;
    if (++size_ >= limit_) prune();
  }

  /// Adds the matching rows of a group, unless their upper end is below the threshold.
  void add(const kernels::ScoredGroup& group) {
    if (size_ + kernels::kGroupRows > limit_) prune();
    size_ += kernels_->add_intervals(group, threshold_, from(size_));
  }

  /// Takes over a threshold for the same query that others have found.
  void raise(float threshold) { threshold_ = std::max(threshold_, ordinal_of(threshold)); }

  void add_all(const Survivors& other);

  /// Rows held; those that the last pruning left, and what came since.
  std::size_t size() const { return size_; }

  /// The rows still possible, in no order; valid until the next call.
  std::span<const std::int64_t> finish();

 private:
  void prune();
  void make_room(std::size_t rows);
  kernels::Intervals from(std::size_t place) {
    return {.lowers = lowers_.data() + place, .uppers = uppers_.data() + place, .names = rows_.data() + place};
  }

  const kernels::Table* kernels_;
  std::size_t k_;
  std::size_t size_ = 0;
  std::int32_t threshold_ = kLowestOrdinal;
  /// Rows at which the next pruning is due.
  std::size_t limit_ = 0;
  /// All three are a group longer than the limit.
  std::vector<std::int32_t> lowers_;
  std::vector<std::int32_t> uppers_;
  std::vector<std::int64_t> rows_;
};

}  // namespace recstream
