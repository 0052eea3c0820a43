#pragma once

#include <cstdint>
#include <vector>

namespace recstream {

/// A fixed orthogonal map that spreads a vector evenly over its coordinates: random signs, then Hadamard transforms.
///
/// Factors that were learned keep much of their length in few coordinates, and one scale for all of them would waste
/// most of its 255 steps. A Hadamard transform needs a power of two; another dimension is covered by two overlapping
/// windows, each orthogonal on its own, twice. Immutable.
class Rotation {
 public:
  explicit Rotation(std::int64_t dimension);

  /// O(dimension log dimension), in float64. The result differs from the exact one by at most kError times the norm
  /// of the vector: 4 windows of at most 11 rounded additions and a rounded factor each, 2^-53 for each.
  void apply(const float* vector, double* rotated) const;

  static constexpr double kError = 64 * 0x1p-53;

 private:
  struct Window {
    std::int64_t first;
    std::vector<double> signs;
  };

  std::int64_t dimension_;
  std::int64_t width_;
  std::vector<Window> windows_;
};

}  // namespace recstream
