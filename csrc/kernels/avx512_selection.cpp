// Built with -mavx512f; called only where the processor has it.
#include "kernels/avx512.h"

#if defined(__x86_64__)
#include <immintrin.h>

namespace recstream::kernels::avx512 {
namespace {

constexpr std::size_t kLanes = 16;

__mmask16 first_lanes(std::size_t count) {
  return static_cast<__mmask16>(count >= kLanes ? 0xffffU : (1U << count) - 1U);
}

std::size_t bits_in(__mmask16 mask) { return static_cast<std::size_t>(__builtin_popcount(mask)); }

std::size_t count_from(const std::int32_t* values, std::size_t n, std::int32_t least) {
  const __m512i limit = _mm512_set1_epi32(least);
  const __m512i one = _mm512_set1_epi32(1);
  __m512i counts = _mm512_setzero_si512();
  for (std::size_t i = 0; i < n; i += kLanes) {
    const __mmask16 lanes = first_lanes(n - i);
    const __m512i part = _mm512_maskz_loadu_epi32(lanes, values + i);
    counts = _mm512_mask_add_epi32(counts, _mm512_mask_cmpge_epi32_mask(lanes, part, limit), counts, one);
  }
  return static_cast<std::size_t>(_mm512_reduce_add_epi32(counts));
}

__m512i ordinals(__m512 values) {
  const __m512i bits = _mm512_castps_si512(values);
  const __m512i flips = _mm512_and_si512(_mm512_srai_epi32(bits, 31), _mm512_set1_epi32(0x7fffffff));
  return _mm512_xor_si512(bits, flips);
}

struct Range {
  std::int32_t least;
  std::int32_t most;
};

Range range_of(const std::int32_t* values, std::size_t n) {
  __m512i least = _mm512_set1_epi32(values[0]);
  __m512i most = least;
  for (std::size_t i = 0; i < n; i += kLanes) {
    const __mmask16 lanes = first_lanes(n - i);
    const __m512i part = _mm512_maskz_loadu_epi32(lanes, values + i);
    least = _mm512_mask_min_epi32(least, lanes, least, part);
    most = _mm512_mask_max_epi32(most, lanes, most, part);
  }
  return {_mm512_reduce_min_epi32(least), _mm512_reduce_max_epi32(most)};
}

}  // namespace

void set_cutoffs(const RunBounds& run, const QueryBound& query, std::int32_t* cutoffs) {
  static_assert(kRunGroups == 8);
  const __m512d largest = _mm512_set1_pd(0x1p26);
  const __m512d by_norm = _mm512_mul_pd(_mm512_set1_pd(query.error), _mm512_loadu_pd(run.norm));
  const __m512d by_residual = _mm512_mul_pd(_mm512_set1_pd(query.length), _mm512_loadu_pd(run.residual));
  const __m512d end = _mm512_sub_pd(_mm512_set1_pd(query.threshold), _mm512_add_pd(by_norm, by_residual));
  const __m512d least = _mm512_mul_pd(end, _mm512_mul_pd(_mm512_set1_pd(query.steps), _mm512_loadu_pd(run.steps)));
  const __m512d bounded = _mm512_max_pd(_mm512_min_pd(least, largest), _mm512_sub_pd(_mm512_setzero_pd(), largest));
  // One less than truncation is never above the value.
  const __m256i whole = _mm256_sub_epi32(_mm512_cvttpd_epi32(bounded), _mm256_set1_epi32(1));
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(cutoffs), whole);
}

std::uint64_t bits_at(const std::uint64_t* bitmap, const std::uint32_t* rows, int n) {
  constexpr int kWordShift = 5;  // Of the 32 bits that a gather brings.
  std::uint64_t bits = 0;
  for (int i = 0; i < n; i += static_cast<int>(kLanes)) {
    const __mmask16 lanes = first_lanes(static_cast<std::size_t>(n - i));
    const __m512i row = _mm512_maskz_loadu_epi32(lanes, rows + i);
    const __m512i words =
        _mm512_mask_i32gather_epi32(row, lanes, _mm512_srli_epi32(row, kWordShift), bitmap, sizeof(std::uint32_t));
    const __m512i bit = _mm512_rolv_epi32(_mm512_set1_epi32(1), row);
    bits |= std::uint64_t{_mm512_mask_test_epi32_mask(lanes, words, bit)} << i;
  }
  return bits;
}

std::size_t add_intervals(const ScoredGroup& group, std::int32_t least, const Intervals& end) {
  const __m512 scale = _mm512_set1_ps(group.scale);
  const __m512 error = _mm512_set1_ps(group.error);
  const __m512i limit = _mm512_set1_epi32(least);
  const __m512i lane = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  std::size_t added = 0;
  for (int row = 0; row < kGroupRows; row += static_cast<int>(kLanes)) {
    const auto matched = static_cast<__mmask16>(group.matched >> row);
    if (matched == 0) continue;
    const __m512 score =
        _mm512_mul_ps(scale, _mm512_cvtepi32_ps(_mm512_maskz_loadu_epi32(matched, group.scores + row)));
    const __m512i upper = ordinals(_mm512_add_ps(score, error));
    const __mmask16 kept = _mm512_mask_cmpge_epi32_mask(matched, upper, limit);
    const __m512i lower = ordinals(_mm512_sub_ps(score, error));
    // In registers first: compressing into memory is slow on some processors.
    _mm512_storeu_si512(end.lowers + added, _mm512_maskz_compress_epi32(kept, lower));
    _mm512_storeu_si512(end.uppers + added, _mm512_maskz_compress_epi32(kept, upper));
    const __m512i rows = _mm512_maskz_compress_epi32(kept, _mm512_add_epi32(lane, _mm512_set1_epi32(row)));
    const __m512i first = _mm512_set1_epi64(group.first_name);
    const __m512i low = _mm512_sub_epi64(first, _mm512_cvtepi32_epi64(_mm512_castsi512_si256(rows)));
    const __m512i high = _mm512_sub_epi64(first, _mm512_cvtepi32_epi64(_mm512_extracti64x4_epi64(rows, 1)));
    _mm512_storeu_si512(end.names + added, low);
    _mm512_storeu_si512(end.names + added + kLanes / 2, high);
    added += bits_in(kept);
  }
  return added;
}

std::int32_t reached_by(const std::int32_t* values, std::size_t n, std::size_t k, std::size_t slack,
                        std::int32_t least) {
  const Range range = range_of(values, n);
  std::int64_t low = least > range.least ? least : range.least;
  std::int64_t high = std::int64_t{range.most} + 1;
  while (high - low > 1) {
    const std::int64_t middle = low + (high - low) / 2;
    const auto reached = count_from(values, n, static_cast<std::int32_t>(middle));
    (reached >= k ? low : high) = middle;
    if (reached >= k && reached <= k + slack) break;
  }
  return static_cast<std::int32_t>(low);
}

std::size_t keep_reaching(const Intervals& intervals, std::size_t n, std::int32_t least) {
  const __m512i limit = _mm512_set1_epi32(least);
  std::size_t kept = 0;
  for (std::size_t i = 0; i < n; i += kLanes) {
    const __m512i upper = _mm512_loadu_si512(intervals.uppers + i);
    const __m512i lower = _mm512_loadu_si512(intervals.lowers + i);
    const __m512i low_names = _mm512_loadu_si512(intervals.names + i);
    const __m512i high_names = _mm512_loadu_si512(intervals.names + i + kLanes / 2);
    const __mmask16 reaching = _mm512_mask_cmpge_epi32_mask(first_lanes(n - i), upper, limit);
    const auto low_reaching = static_cast<__mmask8>(reaching);
    const auto high_reaching = static_cast<__mmask8>(reaching >> (kLanes / 2));
    _mm512_storeu_si512(intervals.uppers + kept, _mm512_maskz_compress_epi32(reaching, upper));
    _mm512_storeu_si512(intervals.lowers + kept, _mm512_maskz_compress_epi32(reaching, lower));
    _mm512_storeu_si512(intervals.names + kept, _mm512_maskz_compress_epi64(low_reaching, low_names));
    const auto middle = kept + bits_in(low_reaching);
    _mm512_storeu_si512(intervals.names + middle, _mm512_maskz_compress_epi64(high_reaching, high_names));
    kept = middle + bits_in(high_reaching);
  }
  return kept;
}

void rank(const std::int32_t* values, std::size_t n, std::int32_t* ranks) {
  for (std::size_t i = 0; i < n; ++i) {
    const __m512i value = _mm512_set1_epi32(values[i]);
    std::size_t before = 0;
    std::size_t j = 0;
    for (; j + kLanes <= i; j += kLanes) {
      before += bits_in(_mm512_cmpge_epi32_mask(_mm512_loadu_si512(values + j), value));
    }
    // The vector in which the value itself lies: equal ones count before it.
    for (; j < n; j += kLanes) {
      const __m512i part = _mm512_maskz_loadu_epi32(first_lanes(n - j), values + j);
      const __mmask16 earlier = j < i ? first_lanes(i - j) : __mmask16{0};
      const __mmask16 greater = _mm512_mask_cmpgt_epi32_mask(first_lanes(n - j), part, value);
      before += bits_in(static_cast<__mmask16>(greater | _mm512_mask_cmpeq_epi32_mask(earlier, part, value)));
    }
    ranks[i] = static_cast<std::int32_t>(before);
  }
}

}  // namespace recstream::kernels::avx512
#endif
