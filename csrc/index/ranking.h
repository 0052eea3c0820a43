#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kernels/kernels.h"
#include "recstream/exact_index.h"

namespace recstream {

/// Finds the best of rows with exact scores; keeps its memory from one query to the next. Not safe for use from several
/// threads.
class RowRanking {
 public:
  explicit RowRanking(const kernels::Table& kernels) : kernels_(kernels) {}

  /// The k best, in order: what keep_best() gives, sooner. O(n + k^2), or O(n log n) when k or ties are many.
  std::vector<ScoredRow> best(std::span<const double> scores, std::span<const std::int64_t> rows, std::int64_t k);

 private:
  void choose(std::span<const double> scores, std::size_t k);

  const kernels::Table& kernels_;
  /// Of the rows chosen: scores rounded to float32, as integers of the same order, and where the rows are.
  std::vector<std::int32_t> keys_;
  std::vector<std::size_t> places_;
  std::vector<std::int32_t> ranks_;
};

}  // namespace recstream
