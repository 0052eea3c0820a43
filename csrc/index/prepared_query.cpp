#include "index/prepared_query.h"

#include <algorithm>
#include <cmath>

namespace recstream {

PreparedQuery::PreparedQuery(std::span<const float> query, std::int64_t wanted, const RowFilter& filter,
                             const kernels::Table& kernels)
    : vector(query.data()),
      k(wanted),
      at_least(filter.at_least),
      norm(std::sqrt(kernels.dot_exact(query.data(), query.data(), static_cast<int>(query.size())))),
      allow(filter.allow),
      exclude(filter.exclude.begin(), filter.exclude.end()) {
  std::sort(exclude.begin(), exclude.end());
  for (const auto row : exclude) {
    if (row >= 0) set_bit(exclude_hint, row % kHintBits);
  }
}

bool PreparedQuery::is_excluded(std::int64_t row) const {
  return std::binary_search(exclude.begin(), exclude.end(), row);
}

}  // namespace recstream
