#pragma once

#include <cmath>
#include <cstdint>

namespace recstream {

/// How far the float32 inner product of a kernel can be from the float64 one that decides.
///
/// Let u = 2^-24. However its additions are grouped, and whether or not they are fused with the products, a float32 sum
/// of d products differs from the true sum by at most d*u / (1 - d*u) * sum |q_j x_j|, and by Cauchy-Schwarz the last
/// sum is at most |q| |x|. The float64 sum differs by the same with 2^-53. For d <= 2048 both together stay below 1.001
/// * (d + 1) * u; one more u makes room for the rounding of norms, thresholds and interval ends in float64. A product
/// or a fused sum that underflows adds at most half the smallest denormal number, 2^-150, and there are at most 2 * d
/// of them.
struct ScoreBound {
  double relative;
  double absolute;

  explicit ScoreBound(std::int64_t dimension)
      : relative(1.001 * static_cast<double>(dimension + 2) * 0x1p-24),
        absolute(static_cast<double>(dimension) * 0x1p-148) {}

  /// Largest difference for vectors whose norms have this product.
  double error(double norm_product) const { return relative * norm_product + absolute; }

  /// Whether float32 can hold every partial sum; beyond, the scan must use float64.
  static bool fits_float32(double norm_product) { return norm_product < 0x1p126; }
};

/// Largest float that is not above `value`.
inline float round_down(double value) {
  const auto rounded = static_cast<float>(value);
  return static_cast<double>(rounded) > value ? std::nextafterf(rounded, -HUGE_VALF) : rounded;
}

}  // namespace recstream
