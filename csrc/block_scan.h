#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "index_snapshot.h"
#include "kernels/kernels.h"
#include "recstream/exact_index.h"
#include "score_bound.h"
#include "survivors.h"

namespace recstream {

/// A query made ready for scanning. Views the caller's vector and bitmap.
struct PreparedQuery {
  PreparedQuery(std::span<const float> query, const RowFilter& filter, const kernels::Table& kernels);

  const float* vector;
  double norm;
  std::optional<std::span<const std::uint64_t>> allow;
  /// Rising.
  std::vector<std::int64_t> exclude;
};

/// Adds to `survivors` every row of a block that may be among the k best of the query. O(rows * dimension), less the
/// groups of 64 rows in which none is eligible.
void scan_block(const IndexSnapshot& snapshot, std::size_t block_number, const PreparedQuery& query,
                const ScoreBound& bound, const kernels::Table& kernels, Survivors& survivors);

}  // namespace recstream
