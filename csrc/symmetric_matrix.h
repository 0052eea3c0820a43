#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "recstream/matrix_view.h"

namespace recstream {

/// Dense symmetric float64 matrix, of which only the upper triangle is kept up to date. Every operation adds in one
/// fixed order, whatever the number of threads.
class SymmetricMatrix {
 public:
  explicit SymmetricMatrix(std::size_t order) : order_(order), cells_(order * order) {}

  std::size_t order() const { return order_; }
  double at(std::size_t row, std::size_t column) const { return cells_[row * order_ + column]; }

  void scale(double factor);
  void add_to_diagonal(double value);

  /// Adds sum weights[i] * v_i v_i', four vectors at a time. O(n order^2).
  void add_outer_products(std::span<const float* const> vectors, std::span<const double> weights);

  /// Adds the sum of v v' over all rows, with up to `threads` threads. O(rows * order^2).
  void add_gram(const MatrixView& rows, int threads);

  /// Replaces x by the solution of A x = x and destroys the matrix. False, and x is useless, when it is not positive
  /// definite in float64. O(order^3 / 6).
  bool solve_in_place(std::span<double> x);

 private:
  friend class OuterProductBatch;
  double* row(std::size_t r) { return cells_.data() + r * order_; }

  std::size_t order_;
  std::vector<double> cells_;
};

}  // namespace recstream
