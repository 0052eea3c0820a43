#include "neighbours/inverted_lists.h"

#include <cmath>

namespace recstream {

InvertedLists::InvertedLists(const SparseView& matrix, std::int64_t columns)
    : starts_(static_cast<std::size_t>(columns) + 1),
      entries_(matrix.columns.size()),
      lengths_(static_cast<std::size_t>(columns)) {
  for (const auto column : matrix.columns) ++starts_[static_cast<std::size_t>(column) + 1];
  for (std::size_t column = 1; column < starts_.size(); ++column) starts_[column] += starts_[column - 1];
  auto ends = starts_;
  for (std::int64_t r = 0; r < matrix.rows(); ++r) {
    const auto row = matrix.row(r);
    for (std::size_t i = 0; i < row.columns.size(); ++i) {
      const auto column = static_cast<std::size_t>(row.columns[i]);
      entries_[ends[column]++] = {.row = static_cast<std::int32_t>(r), .value = row.values[i]};
      lengths_[column] += static_cast<double>(row.values[i]) * static_cast<double>(row.values[i]);
    }
  }
  for (auto& length : lengths_) length = std::sqrt(length);
}

}  // namespace recstream
