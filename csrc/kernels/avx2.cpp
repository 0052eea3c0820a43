// Built with -mavx2 -mfma; called only where the processor has both.
#include "kernels/avx2.h"

#include "kernels/kernels.h"
#include "kernels/scalar.h"

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

// Fusing changes nothing here, because the product of two float32 is exact in float64.
__m256d multiply_add(__m128 a, __m128 b, __m256d sum) {
  return _mm256_fmadd_pd(_mm256_cvtps_pd(a), _mm256_cvtps_pd(b), sum);
}

constexpr int kVectors = 4;
constexpr int kPartRows = kVectors * kLanes;
constexpr int kParts = kGroupRows / kPartRows;

// One query with half a group. maddubs wants an unsigned side and adds pairs in 16 bits: with the query's magnitudes
// there, its signs moved over to the rows, and codes within 127, a pair is at most 2 * 127 * 127 = 32258: no
// saturation.
void add_quads(const std::uint8_t* part, const CodeTile& tile, int q, int first, int last, __m256i* sums) {
  const __m256i offset = _mm256_set1_epi8(static_cast<char>(kCodeOffset));
  const __m256i ones = _mm256_set1_epi16(1);
  for (int quad = first; quad < last; ++quad) {
    const auto* rows = reinterpret_cast<const __m256i*>(part + tile.offsets[quad]);
    std::int32_t four;
    __builtin_memcpy(&four, tile.codes + (quad * kTileQueries + q) * kQuad, sizeof four);
    const __m256i query = _mm256_set1_epi32(four);
    const __m256i magnitudes = _mm256_abs_epi8(query);
    for (int v = 0; v < kVectors; ++v) {
      const __m256i codes = _mm256_sign_epi8(_mm256_xor_si256(_mm256_loadu_si256(rows + v), offset), query);
      sums[v] = _mm256_add_epi32(sums[v], _mm256_madd_epi16(_mm256_maddubs_epi16(magnitudes, codes), ones));
    }
  }
}

std::uint64_t reaching(const __m256i* sums, std::int32_t cutoff) {
  const __m256i below = _mm256_set1_epi32(cutoff - 1);
  std::uint64_t bits = 0;
  for (int v = 0; v < kVectors; ++v) {
    const __m256 passed = _mm256_castsi256_ps(_mm256_cmpgt_epi32(sums[v], below));
    bits |= static_cast<std::uint64_t>(static_cast<unsigned>(_mm256_movemask_ps(passed))) << (v * kLanes);
  }
  return bits;
}

std::uint64_t match_part(const std::uint8_t* part, const CodeTile& tile, int q, int g, std::uint64_t eligible,
                         std::int32_t* scores) {
  __m256i sums[kVectors];
  for (auto& sum : sums) sum = _mm256_setzero_si256();
  add_quads(part, tile, q, 0, tile.prefix, sums);
  if (tile.prefix < tile.quads) {
    if (reaching(sums, tile.prefix_cutoffs[q][g]) == 0) return 0;
    add_quads(part, tile, q, tile.prefix, tile.quads, sums);
  }
  const std::uint64_t bits = reaching(sums, tile.cutoffs[q][g]) & eligible;
  if (bits != 0) {
    for (int v = 0; v < kVectors; ++v) _mm256_storeu_si256(reinterpret_cast<__m256i*>(scores) + v, sums[v]);
  }
  return bits;
}

void match_codes(const std::uint8_t* run, int groups, const CodeTile& tile, CodeMatches& matches) {
  for (int g = 0; g < groups; ++g) {
    const std::uint8_t* group = run + static_cast<std::ptrdiff_t>(g) * tile.quads * kQuadBytes;
    for (int q = 0; q < tile.queries; ++q) {
      std::uint64_t bits = 0;
      for (int part = 0; part < kParts; ++part) {
        const int row = part * kPartRows;
        bits |= match_part(group + row * kQuad, tile, q, g, tile.eligible[q][g] >> row, matches.scores[q][g] + row)
                << row;
      }
      matches.matched[q][g] = bits;
    }
  }
}

}  // namespace

namespace avx2 {

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

void dot_exact_rows(const float* const* rows, std::size_t n, int dimension, const float* query, double* out) {
  for (std::size_t r = 0; r < n; ++r) out[r] = dot_exact(rows[r], query, dimension);
}

}  // namespace avx2

const Table kAvx2 = {
    "avx2",      avx2::dot_rows,  avx2::at_least,        avx2::dot_exact,    avx2::dot_exact_rows,  scalar::set_cutoffs,
    match_codes, scalar::bits_at, scalar::add_intervals, scalar::reached_by, scalar::keep_reaching, scalar::rank,
    &kDenseAvx2};

}  // namespace recstream::kernels
#endif
