#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "recstream/sparse_view.h"

namespace recstream {

/// A sparse matrix by columns: for each column the rows that have an entry there, rising.
class InvertedLists {
 public:
  struct Entry {
    std::int32_t row;
    float value;
  };

  /// Copies. O(entries); 8 bytes an entry and 16 a column.
  InvertedLists(const SparseView& matrix, std::int64_t columns);

  std::int64_t lists() const { return static_cast<std::int64_t>(lengths_.size()); }

  std::span<const Entry> list(std::int64_t column) const {
    const auto first = starts_[static_cast<std::size_t>(column)];
    return std::span(entries_).subspan(first, starts_[static_cast<std::size_t>(column) + 1] - first);
  }

  /// Euclidean length of a column.
  double length(std::int64_t column) const { return lengths_[static_cast<std::size_t>(column)]; }

 private:
  std::vector<std::size_t> starts_;
  std::vector<Entry> entries_;
  std::vector<double> lengths_;
};

}  // namespace recstream
