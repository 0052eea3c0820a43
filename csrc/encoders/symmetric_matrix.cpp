#include "encoders/symmetric_matrix.h"

#include <algorithm>
#include <array>

#include "parallel.h"

namespace recstream {
namespace {

int padded(std::int64_t order) {
  return static_cast<int>((order + kernels::kDensePad - 1) / kernels::kDensePad * kernels::kDensePad);
}

}  // namespace

SymmetricMatrix::SymmetricMatrix(std::int64_t order, const kernels::DenseTable& kernels)
    : kernels_(&kernels),
      order_(static_cast<int>(order)),
      stride_(padded(order)),
      cells_(static_cast<std::size_t>(stride_) * static_cast<std::size_t>(stride_)) {}

void SymmetricMatrix::scale(double factor) {
  for (auto& cell : cells_) cell *= factor;
}

void SymmetricMatrix::add_to_diagonal(double value) {
  const auto step = static_cast<std::size_t>(stride_) + 1;
  for (std::size_t r = 0; r < static_cast<std::size_t>(order_); ++r) cells_[r * step] += value;
}

void SymmetricMatrix::add_outer_products(std::span<const float* const> vectors, std::span<const double> weights) {
  auto scratch = scratch_for(2 * kernels::kOuterBatch);
  for (std::size_t first = 0; first < vectors.size(); first += kernels::kOuterBatch) {
    const auto count = std::min<std::size_t>(kernels::kOuterBatch, vectors.size() - first);
    kernels_->add_outer_products(view(),
                                 {.vectors = &vectors[first],
                                  .factors = &weights[first],
                                  .count = static_cast<int>(count),
                                  .scratch = scratch.data()},
                                 0, 1);
  }
}

void SymmetricMatrix::add_gram(const MatrixView& rows, int threads) {
  // Threads share out the cells, not the vectors: every cell sees all vectors in order, so the bits are those of one
  // thread. Interleaved tiles even out the triangle.
  const int parts = std::min(threads, stride_ / kernels::kDensePad);
  run_parts(parts, [&](int part) {
    auto scratch = scratch_for(2 * kernels::kOuterBatch);
    std::array<const float*, kernels::kOuterBatch> vectors{};
    std::array<double, kernels::kOuterBatch> ones{};
    ones.fill(1);
    for (std::int64_t first = 0; first < rows.rows; first += kernels::kOuterBatch) {
      const auto count = static_cast<int>(std::min<std::int64_t>(kernels::kOuterBatch, rows.rows - first));
      for (int i = 0; i < count; ++i) vectors[static_cast<std::size_t>(i)] = rows.row(first + i).data();
      kernels_->add_outer_products(
          view(), {.vectors = vectors.data(), .factors = ones.data(), .count = count, .scratch = scratch.data()}, part,
          parts);
    }
  });
}

bool SymmetricMatrix::solve_in_place(std::vector<double>& x) {
  auto scratch = scratch_for(kernels::kDensePad);
  x.resize(static_cast<std::size_t>(stride_));
  const bool solved = kernels_->solve(view(), x.data(), scratch.data());
  x.resize(static_cast<std::size_t>(order_));
  return solved;
}

AlignedDoubles SymmetricMatrix::scratch_for(int rows) const {
  return AlignedDoubles(static_cast<std::size_t>(rows) * static_cast<std::size_t>(stride_));
}

}  // namespace recstream
