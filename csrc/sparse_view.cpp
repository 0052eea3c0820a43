#include "recstream/sparse_view.h"

#include <cmath>
#include <stdexcept>
#include <string>

namespace recstream {
namespace {

[[noreturn]] void refuse(const char* what, const std::string& problem) {
  throw std::invalid_argument(std::string(what) + " " + problem);
}

}  // namespace

void require_sparse(const SparseView& matrix, std::int64_t columns, const char* what) {
  const auto entries = static_cast<std::int64_t>(matrix.columns.size());
  if (matrix.pointers.empty() || matrix.pointers.front() != 0 || matrix.pointers.back() != entries) {
    refuse(what, "pointers must go from 0 to the number of entries, " + std::to_string(entries));
  }
  if (matrix.values.size() != matrix.columns.size()) {
    refuse(what, "must have a value for each of the " + std::to_string(entries) + " columns, got " +
                     std::to_string(matrix.values.size()));
  }
  for (std::int64_t row = 0; row < matrix.rows(); ++row) {
    if (matrix.pointers[static_cast<std::size_t>(row) + 1] < matrix.pointers[static_cast<std::size_t>(row)]) {
      refuse(what, "pointers fall at row " + std::to_string(row));
    }
  }
  for (std::size_t i = 0; i < matrix.columns.size(); ++i) {
    const auto column = matrix.columns[i];
    if (column < 0 || column >= columns) {
      refuse(what, "entry " + std::to_string(i) + " has column " + std::to_string(column) + "; there are " +
                       std::to_string(columns));
    }
    if (!std::isfinite(matrix.values[i])) refuse(what, "entry " + std::to_string(i) + " is not finite");
  }
}

}  // namespace recstream
