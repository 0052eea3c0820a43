// Built with -mavx2 -mavxvnni; called only where the processor has both.
#include "kernels/avx2.h"
#include "kernels/kernels.h"
#include "kernels/scalar.h"

#if defined(__x86_64__)
#include <immintrin.h>

namespace recstream::kernels {
namespace {

constexpr int kVectors = 4;
constexpr int kLanes = 8;
constexpr int kPartRows = kVectors * kLanes;

// sums + codes * query. GCC 12 copies every sum twice around the intrinsic, which takes a third of the time.
__m256i plus_products(__m256i sums, __m256i codes, __m256i query) {
  asm("%{vex%} vpdpbusd %2, %1, %0" : "+x"(sums) : "x"(codes), "x"(query));
  return sums;
}

/// Half a group at a time: its four vectors by two queries are 8 sums, of 16 registers.
template <int kQueries>
struct Sums {
  __m256i of[kQueries][kVectors];

  void add_quads(const std::uint8_t* part, const CodeTile& tile, int query, int first, int last) {
    for (int quad = first; quad < last; ++quad) {
      const auto* rows = reinterpret_cast<const __m256i*>(part + tile.offsets[quad]);
      __m256i codes[kVectors];
      for (int v = 0; v < kVectors; ++v) codes[v] = _mm256_loadu_si256(rows + v);
      for (int q = 0; q < kQueries; ++q) {
        std::int32_t four;
        __builtin_memcpy(&four, tile.codes + (quad * kTileQueries + query + q) * kQuad, sizeof four);
        const __m256i repeated = _mm256_set1_epi32(four);
        for (int v = 0; v < kVectors; ++v) of[q][v] = plus_products(of[q][v], codes[v], repeated);
      }
    }
  }

  std::uint64_t reaching(int q, std::int32_t cutoff) const {
    const __m256i below = _mm256_set1_epi32(cutoff - 1);
    std::uint64_t bits = 0;
    for (int v = 0; v < kVectors; ++v) {
      const __m256 passed = _mm256_castsi256_ps(_mm256_cmpgt_epi32(of[q][v], below));
      bits |= static_cast<std::uint64_t>(static_cast<unsigned>(_mm256_movemask_ps(passed))) << (v * kLanes);
    }
    return bits;
  }
};

template <int kQueries>
void match_part(const std::uint8_t* group, int row, const CodeTile& tile, int query, int g, CodeMatches& matches) {
  const std::uint8_t* part = group + row * kQuad;
  Sums<kQueries> sums;
  for (int q = 0; q < kQueries; ++q) {
    for (auto& sum : sums.of[q]) sum = _mm256_set1_epi32(tile.bias[query + q]);
  }
  sums.add_quads(part, tile, query, 0, tile.prefix);
  if (tile.prefix < tile.quads) {
    std::uint64_t possible = 0;
    for (int q = 0; q < kQueries; ++q) {
      const auto i = query + q;
      possible |= sums.reaching(q, tile.prefix_cutoffs[i][g] + tile.bias[i] - tile.prefix_bias[i]);
    }
    if (possible == 0) return;
    sums.add_quads(part, tile, query, tile.prefix, tile.quads);
  }
  for (int q = 0; q < kQueries; ++q) {
    const std::uint64_t bits = sums.reaching(q, tile.cutoffs[query + q][g]) & tile.eligible[query + q][g] >> row;
    if (bits == 0) continue;
    matches.matched[query + q][g] |= bits << row;
    auto* scores = reinterpret_cast<__m256i*>(matches.scores[query + q][g] + row);
    for (int v = 0; v < kVectors; ++v) _mm256_storeu_si256(scores + v, sums.of[q][v]);
  }
}

void match_codes(const std::uint8_t* run, int groups, const CodeTile& tile, CodeMatches& matches) {
  for (int g = 0; g < groups; ++g) {
    const std::uint8_t* group = run + static_cast<std::ptrdiff_t>(g) * tile.quads * kQuadBytes;
    for (int q = 0; q < tile.queries; ++q) matches.matched[q][g] = 0;
    for (int row = 0; row < kGroupRows; row += kPartRows) {
      int q = 0;
      for (; q + 2 <= tile.queries; q += 2) match_part<2>(group, row, tile, q, g, matches);
      if (q < tile.queries) match_part<1>(group, row, tile, q, g, matches);
    }
  }
}

}  // namespace

const Table kAvxVnni = {
    "avx_vnni",  avx2::dot_rows,  avx2::at_least,        avx2::dot_exact,    avx2::dot_exact_rows,  scalar::set_cutoffs,
    match_codes, scalar::bits_at, scalar::add_intervals, scalar::reached_by, scalar::keep_reaching, scalar::rank,
    &kDenseAvx2};

}  // namespace recstream::kernels
#endif
