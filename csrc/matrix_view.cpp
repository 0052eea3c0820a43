#include "recstream/matrix_view.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>

namespace recstream {

void require_dimension(std::int64_t dimension, const char* what) {
  if (dimension >= kMinDimension && dimension <= kMaxDimension) return;
  throw std::invalid_argument(std::string(what) + " must have " + std::to_string(kMinDimension) + " to " +
                              std::to_string(kMaxDimension) + " dimensions, got " + std::to_string(dimension));
}

void require_finite(const MatrixView& matrix, const char* what) {
  require_dimension(matrix.dimension, what);
  for (std::int64_t r = 0; r < matrix.rows; ++r) {
    const auto row = matrix.row(r);
    if (!std::all_of(row.begin(), row.end(), [](float x) { return std::isfinite(x); })) {
      throw std::invalid_argument(std::string(what) + ": row " + std::to_string(r) + " is not finite");
    }
  }
}

}  // namespace recstream
