// The kernels of dense.h for a width of vectors. In an unnamed namespace and without functions of other headers,
// because each file that includes it is built with other instruction sets.
#pragma once

#include <cstddef>

#include "kernels/dense.h"

namespace recstream::kernels {
namespace {

template <int kLanes>
struct Lanes {
  // Aligned as its elements are, because rows begin anywhere.
  using Doubles [[gnu::vector_size(kLanes * sizeof(double)), gnu::aligned(alignof(double)), gnu::may_alias]] = double;

  static Doubles* at(double* cells) { return reinterpret_cast<Doubles*>(cells); }
  static const Doubles* at(const double* cells) { return reinterpret_cast<const Doubles*>(cells); }
};

/// Kernels with `kVectors` vectors of `kLanes` doubles in `kRows` rows as the tile that stays in registers.
template <int kLanes, int kRows, int kVectors>
class Dense {
 public:
  static void add_scaled(const float* vector, double factor, int dimension, double* sum) {
    for (int j = 0; j < dimension; ++j) sum[j] += factor * static_cast<double>(vector[j]);
  }

  static void add_outer_products(const DenseMatrix& matrix, const OuterBatch& batch, int first, int step) {
    double* left = batch.scratch;
    double* right = left + static_cast<std::ptrdiff_t>(batch.count) * matrix.stride;
    for (int i = 0; i < batch.count; ++i) {
      double* scaled = left + static_cast<std::ptrdiff_t>(i) * matrix.stride;
      double* plain = right + static_cast<std::ptrdiff_t>(i) * matrix.stride;
      for (int j = 0; j < matrix.order; ++j) {
        plain[j] = static_cast<double>(batch.vectors[i][j]);
        scaled[j] = batch.factors[i] * plain[j];
      }
      for (int j = matrix.order; j < matrix.stride; ++j) plain[j] = scaled[j] = 0;
    }
    const Products products{left, right, batch.count, matrix.stride};
    for (int row = first * kDensePad; row < matrix.stride; row += step * kDensePad) add_to_rows(matrix, row, products);
  }

  // A = U'U, a panel of rows after the other; the forward substitution U'y = x goes along. The panel's rows are then
  // taken off all rows below at once.
  static bool solve(const DenseMatrix& matrix, double* x, double* scratch) {
    for (int first = 0; first < matrix.order; first += kDensePad) {
      const int rows = matrix.order - first < kDensePad ? matrix.order - first : kDensePad;
      if (!factor_panel(matrix, first, rows, x)) return false;
      const double* panel = row_of(matrix, first);
      for (int r = 0; r < rows; ++r) {
        const auto start = static_cast<std::ptrdiff_t>(r) * matrix.stride;
        for (int j = first; j < matrix.stride; ++j) scratch[start + j] = -panel[start + j];
      }
      const Products products{scratch, panel, rows, matrix.stride};
      for (int row = first + kDensePad; row < matrix.stride; row += kDensePad) add_to_rows(matrix, row, products);
    }
    for (int k = matrix.order; k-- > 0;) x[k] = (x[k] - dot_right_of(matrix, k, x)) / row_of(matrix, k)[k];
    return true;
  }

 private:
  using Doubles = typename Lanes<kLanes>::Doubles;
  static constexpr int kPadVectors = kDensePad / kLanes;

  /// sum over i of left[i]' right[i], for `count` rows of both.
  struct Products {
    const double* left;
    const double* right;
    int count;
    int stride;
  };

  static double* row_of(const DenseMatrix& matrix, int row) {
    return matrix.cells + static_cast<std::ptrdiff_t>(row) * matrix.stride;
  }

  // kDensePad rows, from the diagonal to the right.
  static void add_to_rows(const DenseMatrix& matrix, int first, const Products& products) {
    for (int row = first; row < first + kDensePad; row += kRows) {
      int column = first;
      for (; column + kVectors * kLanes <= matrix.stride; column += kVectors * kLanes) {
        add_to_tile<kVectors>(row_of(matrix, row) + column, row, column, products);
      }
      for (; column < matrix.stride; column += kLanes) {
        add_to_tile<1>(row_of(matrix, row) + column, row, column, products);
      }
    }
  }

  template <int kWidth>
  static void add_to_tile(double* cells, int row, int column, const Products& products) {
    Doubles sums[kRows][kWidth];
    for (int r = 0; r < kRows; ++r) {
      for (int v = 0; v < kWidth; ++v) sums[r][v] = Lanes<kLanes>::at(cells + r * products.stride)[v];
    }
    const double* left = products.left + row;
    const double* right = products.right + column;
    for (int i = 0; i < products.count; ++i, left += products.stride, right += products.stride) {
      Doubles values[kWidth];
      for (int v = 0; v < kWidth; ++v) values[v] = Lanes<kLanes>::at(right)[v];
      for (int r = 0; r < kRows; ++r) {
        for (int v = 0; v < kWidth; ++v) sums[r][v] += left[r] * values[v];
      }
    }
    for (int r = 0; r < kRows; ++r) {
      for (int v = 0; v < kWidth; ++v) Lanes<kLanes>::at(cells + r * products.stride)[v] = sums[r][v];
    }
  }

  // Each row takes off what the panel's rows above it leave, so it is loaded and stored once.
  static bool factor_panel(const DenseMatrix& matrix, int first, int rows, double* x) {
    for (int k = first; k < first + rows; ++k) {
      double* row = row_of(matrix, k);
      for (int above = first; above < k; ++above) {
        const double* upper = row_of(matrix, above);
        const double factor = upper[k];
        subtract_scaled(row, upper, factor, first, matrix.stride);
      }
      const double pivot = __builtin_sqrt(row[k]);
      if (!(pivot > 0) || __builtin_isinf(pivot)) return false;
      const double inverse = 1 / pivot;
      for (int j = first; j < matrix.stride; ++j) row[j] *= inverse;
      row[k] = pivot;
      x[k] /= pivot;
      for (int j = k + 1; j < matrix.stride; ++j) x[j] -= x[k] * row[j];
    }
    return true;
  }

  static void subtract_scaled(double* row, const double* upper, double factor, int first, int end) {
    for (int j = first; j < end; j += kLanes) *Lanes<kLanes>::at(row + j) -= factor * *Lanes<kLanes>::at(upper + j);
  }

  // Eight partial sums whatever the width, and x beyond the order is zero.
  static double dot_right_of(const DenseMatrix& matrix, int k, const double* x) {
    const double* row = row_of(matrix, k);
    double sums[kDensePad] = {};
    int j = k + 1;
    for (; j % kDensePad != 0 && j < matrix.stride; ++j) sums[j % kDensePad] += row[j] * x[j];
    for (; j < matrix.stride; j += kDensePad) {
      for (int lane = 0; lane < kDensePad; ++lane) sums[lane] += row[j + lane] * x[j + lane];
    }
    return ((sums[0] + sums[4]) + (sums[2] + sums[6])) + ((sums[1] + sums[5]) + (sums[3] + sums[7]));
  }
};

template <class Kernels>
consteval DenseTable table_of() noexcept {
  return {Kernels::add_scaled, Kernels::add_outer_products, Kernels::solve};
}

}  // namespace
}  // namespace recstream::kernels
