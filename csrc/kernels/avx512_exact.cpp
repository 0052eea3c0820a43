// Built with -mavx512f; called only where the processor has it.
#include "kernels/avx512.h"

#if defined(__x86_64__)
#include <immintrin.h>

namespace recstream::kernels::avx512 {
namespace {

constexpr int kLanes = 8;
// Sums that hide the latency of a fused multiply-add; one conversion of the query serves all.
constexpr int kRows = 4;

__m512d widened(__mmask16 lanes, const float* values) {
  return _mm512_cvtps_pd(_mm512_castps512_ps256(_mm512_maskz_loadu_ps(lanes, values)));
}

__m512d widened(const float* values) { return _mm512_cvtps_pd(_mm256_loadu_ps(values)); }

// The order of additions that Table::dot_exact promises.
double sum_of(__m512d sums) {
  const __m256d four = _mm256_add_pd(_mm512_castpd512_pd256(sums), _mm512_extractf64x4_pd(sums, 1));
  const __m128d two = _mm_add_pd(_mm256_castpd256_pd128(four), _mm256_extractf128_pd(four, 1));
  return _mm_cvtsd_f64(_mm_add_sd(two, _mm_unpackhi_pd(two, two)));
}

// Fusing changes nothing here, because the product of two float32 is exact in float64.
template <int kCount>
void dot(const float* const* rows, int dimension, const float* query, double* out) {
  __m512d sums[kCount];
#pragma GCC unroll 4
  for (auto& sum : sums) sum = _mm512_setzero_pd();
  int j = 0;
  for (; j + kLanes <= dimension; j += kLanes) {
    const __m512d q = widened(query + j);
#pragma GCC unroll 4
    for (int r = 0; r < kCount; ++r) sums[r] = _mm512_fmadd_pd(widened(rows[r] + j), q, sums[r]);
  }
  if (j < dimension) {
    const auto lanes = static_cast<__mmask16>((1U << (dimension - j)) - 1U);
    const __m512d q = widened(lanes, query + j);
#pragma GCC unroll 4
    for (int r = 0; r < kCount; ++r) sums[r] = _mm512_fmadd_pd(widened(lanes, rows[r] + j), q, sums[r]);
  }
#pragma GCC unroll 4
  for (int r = 0; r < kCount; ++r) out[r] = sum_of(sums[r]);
}

}  // namespace

void dot_exact_rows(const float* const* rows, std::size_t n, int dimension, const float* query, double* out) {
  std::size_t r = 0;
  for (; r + kRows <= n; r += kRows) dot<kRows>(rows + r, dimension, query, out + r);
  for (; r < n; ++r) dot<1>(rows + r, dimension, query, out + r);
}

}  // namespace recstream::kernels::avx512
#endif
