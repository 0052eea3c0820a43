// Built with -mavx512f -mavx512vnni; called only where the processor has both.
#include "kernels/avx2.h"
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

// Four vectors of rows by four queries: 16 sums hide the latency of vpdpbusd, of which this processor starts one a
// cycle, and eight loads feed sixteen of them.
template <int kQueries>
void match(const std::uint8_t* group, int quads, const CodeTile& tile, CodeMatches& matches) {
  __m512i sums[kQueries][kVectors];
#pragma GCC unroll 4
  for (int q = 0; q < kQueries; ++q) {
    for (auto& sum : sums[q]) sum = _mm512_set1_epi32(tile.bias[q]);
  }
  for (int quad = 0; quad < quads; ++quad) {
    const std::uint8_t* rows = group + quad * kQuadBytes;
    __m512i codes[kVectors];
    for (int v = 0; v < kVectors; ++v) codes[v] = _mm512_loadu_si512(rows + v * kVectorBytes);
    for (int q = 0; q < kQueries; ++q) {
      std::int32_t four;
      __builtin_memcpy(&four, tile.codes[q] + quad * kQuad, sizeof four);
      const __m512i query = _mm512_set1_epi32(four);
      for (int v = 0; v < kVectors; ++v) sums[q][v] = plus_products(sums[q][v], codes[v], query);
    }
  }
  // Left as a loop, it would keep the sums in memory.
#pragma GCC unroll 4
  for (int q = 0; q < kQueries; ++q) {
    const __m512i cutoff = _mm512_set1_epi32(tile.cutoff[q]);
    std::uint64_t matched = 0;
    for (int v = 0; v < kVectors; ++v) {
      matched |= static_cast<std::uint64_t>(_mm512_cmpge_epi32_mask(sums[q][v], cutoff)) << (v * kLanes);
    }
    matches.matched[q] = matched;
    if (matched == 0) continue;
    for (int v = 0; v < kVectors; ++v) _mm512_storeu_si512(matches.scores[q] + v * kLanes, sums[q][v]);
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

const Table kAvx512Vnni = {"avx512_vnni", avx2::dot_rows, avx2::at_least, avx2::dot_exact, match_codes, &kDenseAvx512};

}  // namespace recstream::kernels
#endif
