// Built with -march=armv8.2-a+dotprod; called only where the processor has the dot product instructions.
#include "kernels/kernels.h"

#if defined(__aarch64__)
#include <arm_neon.h>

namespace recstream::kernels {
namespace {

constexpr int kVectorBytes = 16;
constexpr int kVectors = 4;
constexpr int kLanes = 4;
constexpr int kPartRows = kVectors * kLanes;
constexpr int kStripes = 8;

/// Bit per lane: whether a >= b.
std::uint64_t at_least_bits(uint32x4_t passed) {
  const uint32x4_t weights = {1, 2, 4, 8};
  return vaddvq_u32(vandq_u32(passed, weights));
}

void dot_rows(const float* rows, int n, int dimension, const float* query, float* out) {
  for (int r = 0; r < n; ++r) {
    const float* row = rows + static_cast<std::int64_t>(r) * dimension;
    float32x4_t low = vdupq_n_f32(0);
    float32x4_t high = vdupq_n_f32(0);
    int j = 0;
    for (; j + kStripes <= dimension; j += kStripes) {
      low = vfmaq_f32(low, vld1q_f32(row + j), vld1q_f32(query + j));
      high = vfmaq_f32(high, vld1q_f32(row + j + kLanes), vld1q_f32(query + j + kLanes));
    }
    float sum = vaddvq_f32(vaddq_f32(low, high));
    for (; j < dimension; ++j) sum += row[j] * query[j];
    out[r] = sum;
  }
}

std::uint64_t at_least(const float* scores, int n, float cutoff) {
  std::uint64_t bits = 0;
  int r = 0;
  for (; r + kLanes <= n; r += kLanes) {
    bits |= at_least_bits(vcgeq_f32(vld1q_f32(scores + r), vdupq_n_f32(cutoff))) << r;
  }
  for (; r < n; ++r) bits |= static_cast<std::uint64_t>(scores[r] >= cutoff) << r;
  return bits;
}

// Products of float32 are exact in float64, so fusing them with the addition changes no bit.
double dot_exact(const float* a, const float* b, int dimension) {
  float64x2_t sums[kStripes / 2];
  for (auto& sum : sums) sum = vdupq_n_f64(0);
  int j = 0;
  for (; j + kStripes <= dimension; j += kStripes) {
#pragma GCC unroll 4
    for (int pair = 0; pair < kStripes / 2; ++pair) {
      const auto at = j + 2 * pair;
      sums[pair] = vfmaq_f64(sums[pair], vcvt_f64_f32(vld1_f32(a + at)), vcvt_f64_f32(vld1_f32(b + at)));
    }
  }
  double stripes[kStripes];
  for (int pair = 0; pair < kStripes / 2; ++pair) vst1q_f64(stripes + 2 * pair, sums[pair]);
  for (int s = 0; j < dimension; ++j, ++s) stripes[s] += static_cast<double>(a[j]) * static_cast<double>(b[j]);
  return ((stripes[0] + stripes[4]) + (stripes[2] + stripes[6])) +
         ((stripes[1] + stripes[5]) + (stripes[3] + stripes[7]));
}

// A quarter of a group at a time: its four vectors by four queries are 16 sums, of 32 registers. The instruction takes
// signed codes, so the offset is taken back as they are read, and the bias is not needed.
template <int kQueries>
void match_part(const std::uint8_t* part, int row, int quads, const CodeTile& tile, CodeMatches& matches) {
  int32x4_t sums[kQueries][kVectors];
  for (auto& query : sums) {
    for (auto& sum : query) sum = vdupq_n_s32(0);
  }
  for (int quad = 0; quad < quads; ++quad) {
    const std::uint8_t* rows = part + quad * kQuadBytes;
    int8x16_t codes[kVectors];
    for (int v = 0; v < kVectors; ++v) {
      codes[v] = vreinterpretq_s8_u8(veorq_u8(vld1q_u8(rows + v * kVectorBytes), vdupq_n_u8(kCodeOffset)));
    }
    for (int q = 0; q < kQueries; ++q) {
      std::int32_t four;
      __builtin_memcpy(&four, tile.codes[q] + quad * kQuad, sizeof four);
      const int8x16_t query = vreinterpretq_s8_s32(vdupq_n_s32(four));
      for (int v = 0; v < kVectors; ++v) sums[q][v] = vdotq_s32(sums[q][v], codes[v], query);
    }
  }
  for (int q = 0; q < kQueries; ++q) {
    for (int v = 0; v < kVectors; ++v) {
      const int first = row + v * kLanes;
      matches.matched[q] |= at_least_bits(vcgeq_s32(sums[q][v], vdupq_n_s32(tile.cutoff[q]))) << first;
      vst1q_s32(matches.scores[q] + first, sums[q][v]);
    }
  }
}

template <int kQueries>
void match(const std::uint8_t* group, int quads, const CodeTile& tile, CodeMatches& matches) {
  for (int q = 0; q < kQueries; ++q) matches.matched[q] = 0;
  for (int row = 0; row < kGroupRows; row += kPartRows) {
    match_part<kQueries>(group + row * kQuad, row, quads, tile, matches);
  }
}

void match_codes(const std::uint8_t* group, int quads, const CodeTile& tile, CodeMatches& matches) {
  switch (tile.queries) {
    case 1:
      return match<1>(group, quads, tile, matches);
    case 2:
      return match<2>(group, quads, tile, matches);
    case 3:
      return match<3>(group, quads, tile, matches);
    default:
      return match<4>(group, quads, tile, matches);
  }
}

}  // namespace

const Table kNeonDotprod = {"neon_dotprod", dot_rows, at_least, dot_exact, match_codes, &kDenseBaseline};

}  // namespace recstream::kernels
#endif
