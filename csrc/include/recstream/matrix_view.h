#pragma once

#include <cstdint>
#include <span>

namespace recstream {

/// Smallest and largest number of dimensions of a vector.
inline constexpr std::int64_t kMinDimension = 1;
inline constexpr std::int64_t kMaxDimension = 2048;

/// Row-major float32 matrix that somebody else owns and keeps unchanged for as long as the view is used.
struct MatrixView {
  const float* data = nullptr;
  std::int64_t rows = 0;
  std::int64_t dimension = 0;

  std::span<const float> row(std::int64_t r) const {
    return {data + r * dimension, static_cast<std::size_t>(dimension)};
  }
};

/// Throws std::invalid_argument, naming `what`, when the dimension is out of range or a row holds NaN or infinity.
/// O(rows * dimension).
void require_finite(const MatrixView& matrix, const char* what);

/// Throws std::invalid_argument, naming `what`, when the dimension is out of range.
void require_dimension(std::int64_t dimension, const char* what);

}  // namespace recstream
