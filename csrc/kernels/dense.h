#pragma once

#include <cstddef>

namespace recstream::kernels {

/// Doubles to which a square matrix and its rows are padded with zeros, so that kernels need no edges.
inline constexpr int kDensePad = 8;

/// Vectors that one call of add_outer_products handles at most.
inline constexpr int kOuterBatch = 16;

/// Upper triangle of a symmetric matrix, padded to `stride` rows and columns, a multiple of kDensePad. What lies below
/// the diagonal is undefined.
struct DenseMatrix {
  double* cells;
  int order;
  int stride;
};

/// Vectors of floats with their factors; 1 <= count <= kOuterBatch, and scratch for 2 * kOuterBatch * stride doubles.
struct OuterBatch {
  const float* const* vectors;
  const double* factors;
  int count;
  double* scratch;
};

/// Linear algebra in float64. Every cell is made by the same multiplications and additions in the same order at every
/// level, none of them fused, so the bits are the same; only how many cells are worked on at a time differs.
struct DenseTable {
  /// sum[j] += factor * vector[j].
  void (*add_scaled)(const float* vector, double factor, int dimension, double* sum);

  /// Adds factors[i] * v_i v_i' for one i after the other, to the rows of the tiles first, first + step, ... of
  /// kDensePad rows.
  void (*add_outer_products)(const DenseMatrix& matrix, const OuterBatch& batch, int first, int step);

  /// Replaces x, padded to the stride, by the solution of A x = x, and the matrix by its factor. False, and both are
  /// useless, when it is not positive definite in float64. `scratch` is for kDensePad * stride doubles.
  bool (*solve)(const DenseMatrix& matrix, double* x, double* scratch);
};

extern const DenseTable kDenseBaseline;
#if defined(__x86_64__)
extern const DenseTable kDenseAvx2;
extern const DenseTable kDenseAvx512;
#endif

}  // namespace recstream::kernels
