#include "symmetric_matrix.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "parallel.h"

namespace recstream {

// Each load and store of a cell serves four vectors; the sums of four are grouped in one fixed way.
class OuterProductBatch {
 public:
  static constexpr std::size_t kSize = 4;

  explicit OuterProductBatch(std::size_t order) : order_(order), values_(kSize * order) {}

  /// Slot i becomes a vector, or nothing when it is null.
  void set(std::size_t i, const float* vector, double weight) {
    double* values = values_.data() + i * order_;
    if (vector == nullptr) {
      std::fill_n(values, order_, 0.0);
    } else {
      std::copy_n(vector, order_, values);
    }
    weights_[i] = weight;
  }

  /// Adds to rows first, first + step, ...
  void add_to(SymmetricMatrix& matrix, std::size_t first, std::size_t step) const {
    const double* a = values_.data();
    const double* b = a + order_;
    const double* c = b + order_;
    const double* d = c + order_;
    for (std::size_t r = first; r < order_; r += step) {
      double* row = matrix.row(r);
      const double wa = weights_[0] * a[r];
      const double wb = weights_[1] * b[r];
      const double wc = weights_[2] * c[r];
      const double wd = weights_[3] * d[r];
      for (std::size_t j = r; j < order_; ++j) row[j] += (wa * a[j] + wb * b[j]) + (wc * c[j] + wd * d[j]);
    }
  }

 private:
  std::size_t order_;
  std::vector<double> values_;
  std::array<double, kSize> weights_{};
};

void SymmetricMatrix::scale(double factor) {
  for (auto& cell : cells_) cell *= factor;
}

void SymmetricMatrix::add_to_diagonal(double value) {
  for (std::size_t r = 0; r < order_; ++r) row(r)[r] += value;
}

void SymmetricMatrix::add_outer_products(std::span<const float* const> vectors, std::span<const double> weights) {
  OuterProductBatch batch(order_);
  for (std::size_t first = 0; first < vectors.size(); first += OuterProductBatch::kSize) {
    for (std::size_t i = 0; i < OuterProductBatch::kSize; ++i) {
      const bool given = first + i < vectors.size();
      batch.set(i, given ? vectors[first + i] : nullptr, given ? weights[first + i] : 0.0);
    }
    batch.add_to(*this, 0, 1);
  }
}

void SymmetricMatrix::add_gram(const MatrixView& rows, int threads) {
  // Threads share out the cells, not the vectors: every cell sees all vectors in order, so the bits are those of one
  // thread. Interleaved rows even out the triangle.
  const int parts = std::min(threads, static_cast<int>(order_));
  run_parts(parts, [&](int part) {
    OuterProductBatch batch(order_);
    for (std::int64_t first = 0; first < rows.rows; first += OuterProductBatch::kSize) {
      for (std::size_t i = 0; i < OuterProductBatch::kSize; ++i) {
        const auto r = first + static_cast<std::int64_t>(i);
        batch.set(i, r < rows.rows ? rows.row(r).data() : nullptr, 1.0);
      }
      batch.add_to(*this, static_cast<std::size_t>(part), static_cast<std::size_t>(parts));
    }
  });
}

bool SymmetricMatrix::solve_in_place(std::span<double> x) {
  // A = U'U, row by row from the top; everything is done along rows of U, which is how they lie in memory. The forward
  // substitution U'y = x goes along.
  for (std::size_t k = 0; k < order_; ++k) {
    double* pivot_row = row(k);
    const double pivot = std::sqrt(pivot_row[k]);
    if (!(pivot > 0) || !std::isfinite(pivot)) return false;
    for (std::size_t j = k; j < order_; ++j) pivot_row[j] /= pivot;
    x[k] /= pivot;
    for (std::size_t i = k + 1; i < order_; ++i) {
      double* target = row(i);
      const double factor = pivot_row[i];
      for (std::size_t j = i; j < order_; ++j) target[j] -= factor * pivot_row[j];
      x[i] -= factor * x[k];
    }
  }
  for (std::size_t k = order_; k-- > 0;) {
    const double* upper = row(k);
    for (std::size_t j = k + 1; j < order_; ++j) x[k] -= upper[j] * x[j];
    x[k] /= upper[k];
  }
  return true;
}

}  // namespace recstream
