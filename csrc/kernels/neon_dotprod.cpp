// Built with -march=armv8.2-a+dotprod; called only where the processor has the dot product instructions.
#include "kernels/kernels.h"
#include "kernels/scalar.h"

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

void dot_exact_rows(const float* const* rows, std::size_t n, int dimension, const float* query, double* out) {
  for (std::size_t r = 0; r < n; ++r) out[r] = dot_exact(rows[r], query, dimension);
}

/// A quarter of a group at a time: its four vectors by four queries are 16 sums, of 32 registers. The instruction takes
/// signed codes, so the offset is taken back as they are read, and the bias is not needed.
template <int kQueries>
struct Sums {
  int32x4_t of[kQueries][kVectors];

  void add_quads(const std::uint8_t* part, const CodeTile& tile, int first, int last) {
    for (int quad = first; quad < last; ++quad) {
      const std::uint8_t* rows = part + tile.offsets[quad];
      int8x16_t codes[kVectors];
      for (int v = 0; v < kVectors; ++v) {
        codes[v] = vreinterpretq_s8_u8(veorq_u8(vld1q_u8(rows + v * kVectorBytes), vdupq_n_u8(kCodeOffset)));
      }
      for (int q = 0; q < kQueries; ++q) {
        std::int32_t four;
        __builtin_memcpy(&four, tile.codes + (quad * kTileQueries + q) * kQuad, sizeof four);
        const int8x16_t query = vreinterpretq_s8_s32(vdupq_n_s32(four));
        for (int v = 0; v < kVectors; ++v) of[q][v] = vdotq_s32(of[q][v], codes[v], query);
      }
    }
  }

  std::uint64_t reaching(int q, std::int32_t cutoff) const {
    std::uint64_t bits = 0;
    for (int v = 0; v < kVectors; ++v) bits |= at_least_bits(vcgeq_s32(of[q][v], vdupq_n_s32(cutoff))) << (v * kLanes);
    return bits;
  }
};

template <int kQueries>
void match_part(const std::uint8_t* group, int row, int g, const CodeTile& tile, CodeMatches& matches) {
  const std::uint8_t* part = group + row * kQuad;
  Sums<kQueries> sums;
  for (auto& query : sums.of) {
    for (auto& sum : query) sum = vdupq_n_s32(0);
  }
  sums.add_quads(part, tile, 0, tile.prefix);
  if (tile.prefix < tile.quads) {
    std::uint64_t possible = 0;
    for (int q = 0; q < kQueries; ++q) possible |= sums.reaching(q, tile.prefix_cutoffs[q][g]);
    if (possible == 0) return;
    sums.add_quads(part, tile, tile.prefix, tile.quads);
  }
  for (int q = 0; q < kQueries; ++q) {
    const std::uint64_t bits = sums.reaching(q, tile.cutoffs[q][g]) & tile.eligible[q][g] >> row;
    if (bits == 0) continue;
    matches.matched[q][g] |= bits << row;
    for (int v = 0; v < kVectors; ++v) vst1q_s32(matches.scores[q][g] + row + v * kLanes, sums.of[q][v]);
  }
}

template <int kQueries>
void match(const std::uint8_t* run, int groups, const CodeTile& tile, CodeMatches& matches) {
  for (int g = 0; g < groups; ++g) {
    const std::uint8_t* group = run + static_cast<std::ptrdiff_t>(g) * tile.quads * kQuadBytes;
    for (int q = 0; q < kQueries; ++q) matches.matched[q][g] = 0;
    for (int row = 0; row < kGroupRows; row += kPartRows) match_part<kQueries>(group, row, g, tile, matches);
  }
}

void match_codes(const std::uint8_t* run, int groups, const CodeTile& tile, CodeMatches& matches) {
  switch (tile.queries) {
    case 1:
      return match<1>(run, groups, tile, matches);
    case 2:
      return match<2>(run, groups, tile, matches);
    case 3:
      return match<3>(run, groups, tile, matches);
    default:
      return match<4>(run, groups, tile, matches);
  }
}

}  // namespace

const Table kNeonDotprod = {"neon_dotprod",
                            dot_rows,
                            at_least,
                            dot_exact,
                            dot_exact_rows,
                            scalar::set_cutoffs,
                            match_codes,
                            scalar::bits_at,
                            scalar::add_intervals,
                            scalar::reached_by,
                            scalar::keep_reaching,
                            scalar::rank,
                            &kDenseBaseline};

}  // namespace recstream::kernels
#endif
