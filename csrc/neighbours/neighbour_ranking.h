#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "recstream/exact_index.h"
#include "row_set.h"

namespace recstream {

/// The k best of `rows` by their scores. Equal scores go to the lower row, but scores of 0, of which nothing is known,
/// by popularity and then to the lower row. O(rows + k log k).
std::vector<ScoredRow> rank_by_neighbours(std::span<const double> scores, std::span<const float> popularity,
                                          std::span<const std::int64_t> rows, std::int64_t k);

/// The same for a set of rows.
std::vector<ScoredRow> rank_by_neighbours(std::span<const double> scores, std::span<const float> popularity,
                                          const RowSet& rows, std::int64_t k);

}  // namespace recstream
