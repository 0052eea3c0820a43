#pragma once

#include <cstddef>

#include "index/index_snapshot.h"
#include "index/prepared_query.h"
#include "index/score_bound.h"
#include "index/survivors.h"
#include "kernels/kernels.h"

namespace recstream {

/// Adds to `survivors` every row of a block that may be among the k best of the query. O(rows * dimension), less the
/// groups of 64 rows in which none is eligible.
void scan_block(const IndexSnapshot& snapshot, std::size_t block_number, const PreparedQuery& query,
                const ScoreBound& bound, const kernels::Table& kernels, Survivors& survivors);

}  // namespace recstream
