#pragma once

#include <cstdint>

#include "kernels/dense.h"

// This header is seen by files built with extra instruction sets: it must not bring inline functions with it, or the
// linker may keep their faster copy for callers on machines that cannot run it.

namespace recstream::kernels {

/// Rows that one call handles: one word of a bitmap.
inline constexpr int kGroupRows = 64;

/// Queries that one call of match_codes handles at most.
inline constexpr int kTileQueries = 4;

/// Codes of a group lie in quads of dimensions: 4 of row 0, 4 of row 1, ..., then the next quad of all rows.
inline constexpr int kQuad = 4;
inline constexpr int kQuadBytes = kGroupRows * kQuad;

/// What is added to a row's code, -127 .. 127, to store it as an unsigned byte.
inline constexpr int kCodeOffset = 128;

/// Queries to match with groups of codes. Each has a code, -127 .. 127, for each dimension, and zeros up to a quad.
struct CodeTile {
  int queries;
  const std::int8_t* codes[kTileQueries];
  /// -kCodeOffset times the sum of the query's codes: it takes back what the offset adds to an inner product.
  std::int32_t bias[kTileQueries];
  /// The least score that matches; between -2^30 and 2^30.
  std::int32_t cutoff[kTileQueries];
};

/// Bit r of matched[q] is set when row r matches query q. The scores are only set for queries with a match.
struct CodeMatches {
  std::uint64_t matched[kTileQueries];
  std::int32_t scores[kTileQueries][kGroupRows];
};

/// The functions of one instruction-set level. Pointers need no alignment. Inputs are finite.
struct Table {
  const char* name;

  /// out[r] = inner product of row r and `query` in float32, rounded in any order; 1 <= n <= kGroupRows rows.
  void (*dot_rows)(const float* rows, int n, int dimension, const float* query, float* out);

  /// Bit r is set when scores[r] >= cutoff; 1 <= n <= kGroupRows.
  std::uint64_t (*at_least)(const float* scores, int n, float cutoff);

  /// Inner product in float64, the same bits at every level: products (exact in float64) are added to eight partial
  /// sums, dimension j to sum j % 8, then ((s0 + s4) + (s2 + s6)) + ((s1 + s5) + (s3 + s7)).
  double (*dot_exact)(const float* a, const float* b, int dimension);

  /// Integer inner products, exact, of the queries with a group of kGroupRows rows; 1 <= tile.queries.
  void (*match_codes)(const std::uint8_t* group, int quads, const CodeTile& tile, CodeMatches& matches);

  const DenseTable* dense;
};

extern const Table kScalar;
#if defined(__x86_64__)
extern const Table kAvx2;
extern const Table kAvxVnni;
extern const Table kAvx512Vnni;
#elif defined(__aarch64__)
extern const Table kNeonDotprod;
#endif

}  // namespace recstream::kernels
