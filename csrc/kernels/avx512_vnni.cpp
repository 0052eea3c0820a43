// Built with -mavx512f -mavx512vnni; called only where the processor has both.
#include "kernels/avx2.h"
#include "kernels/avx512.h"
#include "kernels/kernels.h"

#if defined(__x86_64__)
#include <immintrin.h>

namespace recstream::kernels {
namespace {

constexpr int kVectorBytes = 64;
constexpr int kVectors = kQuadBytes / kVectorBytes;
constexpr int kLanes = 16;

// sums + codes * query. GCC 12 copies every sum twice around the intrinsic, which takes a third of the time.
__m512i plus_products(__m512i sums, __m512i codes, __m512i query) {
  asm("vpdpbusd %2, %1, %0" : "+v"(sums) : "v"(codes), "v"(query));
  return sums;
}

/// Four vectors of rows by four queries: 16 sums hide the latency of vpdpbusd, and eight loads feed sixteen of them.
template <int kQueries>
struct Sums {
  __m512i of[kQueries][kVectors];

  [[gnu::always_inline]] void begin(const std::int32_t* bias) {
#pragma GCC unroll 4
    for (int q = 0; q < kQueries; ++q) {
      for (auto& sum : of[q]) sum = _mm512_set1_epi32(bias[q]);
    }
  }

  [[gnu::always_inline]] void add_quads(const std::uint8_t* group, const CodeTile& tile, int first, int last) {
    for (int quad = first; quad < last; ++quad) {
      const std::uint8_t* rows = group + tile.offsets[quad];
      const std::int8_t* query = tile.codes + quad * kTileQueries * kQuad;
      __m512i codes[kVectors];
      for (int v = 0; v < kVectors; ++v) codes[v] = _mm512_loadu_si512(rows + v * kVectorBytes);
#pragma GCC unroll 4
      for (int q = 0; q < kQueries; ++q) {
        std::int32_t four;
        __builtin_memcpy(&four, query + q * kQuad, sizeof four);
        const __m512i repeated = _mm512_set1_epi32(four);
        for (int v = 0; v < kVectors; ++v) of[q][v] = plus_products(of[q][v], codes[v], repeated);
      }
    }
  }

  [[gnu::always_inline]] std::uint64_t reaching(int q, std::int32_t least) const {
    const __m512i cutoff = _mm512_set1_epi32(least);
    std::uint64_t bits = 0;
    for (int v = 0; v < kVectors; ++v) {
      bits |= static_cast<std::uint64_t>(_mm512_cmpge_epi32_mask(of[q][v], cutoff)) << (v * kLanes);
    }
    return bits;
  }
};

template <int kQueries>
void match_group(const std::uint8_t* group, int g, const CodeTile& tile, CodeMatches& matches) {
  Sums<kQueries> sums;
  sums.begin(tile.bias);
  sums.add_quads(group, tile, 0, tile.prefix);
  if (tile.prefix < tile.quads) {
    std::uint64_t possible = 0;
#pragma GCC unroll 4
    for (int q = 0; q < kQueries; ++q) {
      possible |= sums.reaching(q, tile.prefix_cutoffs[q][g] + tile.bias[q] - tile.prefix_bias[q]);
    }
    if (possible == 0) {
      for (int q = 0; q < kQueries; ++q) matches.matched[q][g] = 0;
      return;
    }
    sums.add_quads(group, tile, tile.prefix, tile.quads);
  }
  // Left as a loop, it would keep the sums in memory.
#pragma GCC unroll 4
  for (int q = 0; q < kQueries; ++q) {
    const std::uint64_t matched = sums.reaching(q, tile.cutoffs[q][g]) & tile.eligible[q][g];
    matches.matched[q][g] = matched;
    if (matched == 0) continue;
    for (int v = 0; v < kVectors; ++v) _mm512_storeu_si512(matches.scores[q][g] + v * kLanes, sums.of[q][v]);
  }
}

template <int kQueries>
void match(const std::uint8_t* run, int groups, const CodeTile& tile, CodeMatches& matches) {
  const auto group_bytes = static_cast<std::ptrdiff_t>(tile.quads) * kQuadBytes;
  for (int g = 0; g < groups; ++g) match_group<kQueries>(run + g * group_bytes, g, tile, matches);
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

const Table kAvx512Vnni = {"avx512_vnni",          avx2::dot_rows,      avx2::at_least,        avx2::dot_exact,
                           avx512::dot_exact_rows, avx512::set_cutoffs, match_codes,           avx512::bits_at,
                           avx512::add_intervals,  avx512::reached_by,  avx512::keep_reaching, avx512::rank,
                           &kDenseAvx512};

}  // namespace recstream::kernels
#endif
