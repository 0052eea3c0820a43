// Built with -mavx2 -mfma; called only where the processor has both.
#include "kernels/kernels.h"

#if defined(__x86_64__)
#include <immintrin.h>

namespace recstream::kernels {
namespace {

constexpr int kLanes = 8;

__m256i tail_mask(int count) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(count), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

__m128 sum_of_four(__m256 a, __m256 b, __m256 c, __m256 d) {
  const __m256 sums = _mm256_hadd_ps(_mm256_hadd_ps(a, b), _mm256_hadd_ps(c, d));
  return _mm_add_ps(_mm256_castps256_ps128(sums), _mm256_extractf128_ps(sums, 1));
}

// Eight rows at a time: eight sums are what it takes to keep two fused multiply-adds of latency 4 busy, and one load
// of the query serves all of them.
void dot_eight_rows(const float* rows, int dimension, const float* query, float* out) {
  const std::int64_t stride = dimension;
  __m256 sums[kLanes];
  for (auto& sum : sums) sum = _mm256_setzero_ps();
  int j = 0;
  for (; j + kLanes <= dimension; j += kLanes) {
    const __m256 q = _mm256_loadu_ps(query + j);
    for (int r = 0; r < kLanes; ++r) {
      sums[r] = _mm256_fmadd_ps(_mm256_loadu_ps(rows + r * stride + j), q, sums[r]);
    }
  }
  if (j < dimension) {
    const __m256i mask = tail_mask(dimension - j);
    const __m256 q = _mm256_maskload_ps(query + j, mask);
    for (int r = 0; r < kLanes; ++r) {
      sums[r] = _mm256_fmadd_ps(_mm256_maskload_ps(rows + r * stride + j, mask), q, sums[r]);
    }
  }
  _mm_storeu_ps(out, sum_of_four(sums[0], sums[1], sums[2], sums[3]));
  _mm_storeu_ps(out + 4, sum_of_four(sums[4], sums[5], sums[6], sums[7]));
}

float dot_one_row(const float* row, int dimension, const float* query) {
  __m256 sum = _mm256_setzero_ps();
  int j = 0;
  for (; j + kLanes <= dimension; j += kLanes) {
    sum = _mm256_fmadd_ps(_mm256_loadu_ps(row + j), _mm256_loadu_ps(query + j), sum);
  }
  if (j < dimension) {
    const __m256i mask = tail_mask(dimension - j);
    sum = _mm256_fmadd_ps(_mm256_maskload_ps(row + j, mask), _mm256_maskload_ps(query + j, mask), sum);
  }
  const __m256 zero = _mm256_setzero_ps();
  return _mm_cvtss_f32(sum_of_four(sum, zero, zero, zero));
}

void dot_rows(const float* rows, int n, int dimension, const float* query, float* out) {
  int r = 0;
  for (; r + kLanes <= n; r += kLanes) {
    dot_eight_rows(rows + static_cast<std::int64_t>(r) * dimension, dimension, query, out + r);
  }
  for (; r < n; ++r) {
    out[r] = dot_one_row(rows + static_cast<std::int64_t>(r) * dimension, dimension, query);
  }
}

std::uint64_t at_least(const float* scores, int n, float cutoff) {
  const __m256 limit = _mm256_set1_ps(cutoff);
  std::uint64_t bits = 0;
  int r = 0;
  for (; r + kLanes <= n; r += kLanes) {
    const __m256 passed = _mm256_cmp_ps(_mm256_loadu_ps(scores + r), limit, _CMP_GE_OQ);
    bits |= static_cast<std::uint64_t>(static_cast<unsigned>(_mm256_movemask_ps(passed))) << r;
  }
  for (; r < n; ++r) {
    bits |= static_cast<std::uint64_t>(scores[r] >= cutoff) << r;
  }
  return bits;
}

// Fusing changes nothing here, because the product of two float32 is exact in float64.
__m256d multiply_add(__m128 a, __m128 b, __m256d sum) {
  return _mm256_fmadd_pd(_mm256_cvtps_pd(a), _mm256_cvtps_pd(b), sum);
}

double dot_exact(const float* a, const float* b, int dimension) {
  __m256d low = _mm256_setzero_pd();
  __m256d high = _mm256_setzero_pd();
  int j = 0;
  for (; j + kLanes <= dimension; j += kLanes) {
    low = multiply_add(_mm_loadu_ps(a + j), _mm_loadu_ps(b + j), low);
    high = multiply_add(_mm_loadu_ps(a + j + 4), _mm_loadu_ps(b + j + 4), high);
  }
  if (j < dimension) {
    const __m256i mask = tail_mask(dimension - j);
    const __m256 x = _mm256_maskload_ps(a + j, mask);
    const __m256 y = _mm256_maskload_ps(b + j, mask);
    low = multiply_add(_mm256_castps256_ps128(x), _mm256_castps256_ps128(y), low);
    high = multiply_add(_mm256_extractf128_ps(x, 1), _mm256_extractf128_ps(y, 1), high);
  }
  const __m256d sums = _mm256_add_pd(low, high);
  const __m128d halves = _mm_add_pd(_mm256_castpd256_pd128(sums), _mm256_extractf128_pd(sums, 1));
  return _mm_cvtsd_f64(_mm_add_sd(halves, _mm_unpackhi_pd(halves, halves)));
}

}  // namespace

const Table kAvx2 = {"avx2", dot_rows, at_least, dot_exact};

}  // namespace recstream::kernels
#endif
