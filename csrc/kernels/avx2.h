#pragma once

#include <cstddef>
#include <cstdint>

namespace recstream::kernels::avx2 {

/// Table::dot_rows, at_least, dot_exact and dot_exact_rows, which the levels above share with this one.
void dot_rows(const float* rows, int n, int dimension, const float* query, float* out);
std::uint64_t at_least(const float* scores, int n, float cutoff);
double dot_exact(const float* a, const float* b, int dimension);
void dot_exact_rows(const float* const* rows, std::size_t n, int dimension, const float* query, double* out);

}  // namespace recstream::kernels::avx2
