#pragma once

#include <cstdint>

#include "index/rotation.h"

namespace recstream {

/// How far the scaled integer inner product of codes can be from the float64 score that decides.
///
/// Let H be the exact orthogonal map of Rotation, so that <q, x> = <Hq, Hx>; let a row be coded as s*c and a query as
/// t*g, with integer vectors c and g. Whatever the codes are,
///
///     <q, x> - t*s*<g, c>  =  <Hq - t*g, Hx>  +  <t*g, Hx - s*c>,
///
/// and by Cauchy-Schwarz the right side is at most |Hq - t*g| |x| + |t*g| |Hx - s*c|. The computed rotation y of x
/// differs from Hx by at most kappa |x|, kappa = Rotation::kError, so |Hx - s*c| <= |y - s*c| + kappa |x|, which is
/// measured when the row is coded, and the same for the query. The integer product is exact. Hence for the rows of a
/// group with |x| <= X and residuals of at most R
///
///     |<q, x> - t*s*<g, c>|  <=  E X + A R,      E = |Hq - t*g|,  A = |t*g|.
///
/// Let u = 2^-53. The deciding score differs from <q, x> by at most 1.01 d u |q| |x|. Rounding in float64 of t*s*<g,
/// c>, of the ends of the interval and of the cutoff adds at most 32 u |q| X, because all of them are below 4 |q| X:
/// codes round to the nearest step, so E <= 0.18 |q| and R <= 0.18 X for d <= 2048. (A threshold beyond 3 |q| X in
/// magnitude is on the right side of every row of the group however it is rounded.) (d + 64) u |q| makes room for all
/// this in E, and the factor kSlack for the rounding of norms and of the bound itself. Nothing can overflow or lose
/// bits below the smallest normal number: float32 inputs have squares between 2^-298 and 2^256.
struct CodeBound {
  static constexpr double kSlack = 1 + 0x1p-40;

  /// R of a row: the measured length of what its codes leave, and the rounding of the rotation.
  static double row_residual(double measured, double norm) { return kSlack * (measured + Rotation::kError * norm); }

  /// E of a query.
  static double query_error(double measured, double norm, std::int64_t dimension) {
    return kSlack * (measured + (Rotation::kError + static_cast<double>(dimension + 64) * 0x1p-53) * norm);
  }

  /// Whether add_intervals() may compute with numbers of rows for which the norms have this product: far from the ends
  /// of float32's range, because steps are above 2^-26 of the norms.
  static bool suits_float32(double norm_product) { return norm_product > 0x1p-80 && norm_product < 0x1p100; }

  /// Half the width of an interval whose ends are computed in float32. The step, the score, their product and the end
  /// are each rounded by 2^-24 of less than 2 |q| X, which is below 2^-20 |q| X together.
  static float error_in_float32(double error, double norm_product) {
    return static_cast<float>(error + 0x1p-20 * norm_product);
  }

  /// Largest score of rows with norms of at most `norm`, the deciding score's rounding included.
  static double largest_score(double query_norm, double norm) { return kSlack * query_norm * norm; }
};

}  // namespace recstream
