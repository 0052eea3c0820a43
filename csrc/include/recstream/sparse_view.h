#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace recstream {

/// Sparse float32 matrix by rows (CSR) that somebody else owns and keeps unchanged for as long as the view is used.
struct SparseView {
  /// One more than there are rows: row r is entries pointers[r] to pointers[r + 1] of the other two.
  std::span<const std::int64_t> pointers;
  std::span<const std::int32_t> columns;
  std::span<const float> values;

  std::int64_t rows() const { return static_cast<std::int64_t>(pointers.size()) - 1; }

  struct Row {
    std::span<const std::int32_t> columns;
    std::span<const float> values;
  };

  Row row(std::int64_t r) const {
    const auto first = static_cast<std::size_t>(pointers[static_cast<std::size_t>(r)]);
    const auto count = static_cast<std::size_t>(pointers[static_cast<std::size_t>(r) + 1]) - first;
    return {.columns = columns.subspan(first, count), .values = values.subspan(first, count)};
  }
};

/// Throws std::invalid_argument, naming `what` and the entry, unless the pointers rise from 0 to the number of entries,
/// there is a finite value for each column, and columns are within 0 .. columns - 1; they may come in any order.
/// O(rows + entries).
void require_sparse(const SparseView& matrix, std::int64_t columns, const char* what);

}  // namespace recstream
