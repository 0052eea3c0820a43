#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "encoders/aligned_doubles.h"
#include "kernels/dense.h"
#include "recstream/matrix_view.h"

namespace recstream {

/// Symmetric float64 matrix, of which only the upper triangle is kept up to date. Every operation adds in one fixed
/// order, whatever the number of threads and the instruction-set level.
class SymmetricMatrix {
 public:
  /// All zeros. The kernels are those of one level, and live for ever.
  SymmetricMatrix(std::int64_t order, const kernels::DenseTable& kernels);

  void scale(double factor);
  void add_to_diagonal(double value);

  /// Adds sum weights[i] * v_i v_i'. O(n order^2).
  void add_outer_products(std::span<const float* const> vectors, std::span<const double> weights);

  /// Adds the sum of v v' over all rows, with up to `threads` threads. O(rows * order^2).
  void add_gram(const MatrixView& rows, int threads);

  /// Replaces x by the solution of A x = x and destroys the matrix. False, and x is useless, when it is not positive
  /// definite in float64. O(order^3 / 6).
  bool solve_in_place(std::vector<double>& x);

 private:
  kernels::DenseMatrix view() { return {.cells = cells_.data(), .order = order_, .stride = stride_}; }
  AlignedDoubles scratch_for(int rows) const;

  const kernels::DenseTable* kernels_;
  int order_;
  int stride_;
  AlignedDoubles cells_;
};

}  // namespace recstream
