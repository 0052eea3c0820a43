#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/dense.h"

// This header is seen by files built with extra instruction sets: it must not bring inline functions with it, or the
// linker may keep their faster copy for callers on machines that cannot run it.

namespace recstream::kernels {

/// Rows that one call handles: one word of a bitmap.
inline constexpr int kGroupRows = 64;

/// Queries that one call of match_codes handles at most.
inline constexpr int kTileQueries = 4;

/// Groups that one call of match_codes handles at most.
inline constexpr int kRunGroups = 8;

/// Codes of a group lie in quads of dimensions: 4 of row 0, 4 of row 1, ..., then the next quad of all rows.
inline constexpr int kQuad = 4;
inline constexpr int kQuadBytes = kGroupRows * kQuad;

/// What is added to a row's code, -127 .. 127, to store it as an unsigned byte.
inline constexpr int kCodeOffset = 128;

/// What the bounds of a run of groups are made from; see CodeBound. Entries beyond the run's groups are finite.
struct RunBounds {
  double norm[kRunGroups];
  double residual[kRunGroups];
  /// Inverse of the step of the codes.
  double steps[kRunGroups];
};

/// A query's share in a bound.
struct QueryBound {
  double threshold;
  double error;
  double length;
  /// Inverse of the step of the codes.
  double steps;
};

/// Queries to match with runs of groups, and the order in which to take their quads.
struct CodeTile {
  int queries;
  int quads;
  /// After so many quads a look at the sums decides whether the others can matter; `quads` for no such look.
  int prefix;
  /// For each quad in its turn, where it begins in a group.
  const std::int32_t* offsets;
  /// For each quad in its turn kTileQueries times kQuad codes, -127 .. 127.
  const std::int8_t* codes;
  /// -kCodeOffset times the sum of the query's codes: it takes back what the offset adds to an inner product.
  std::int32_t bias[kTileQueries];
  /// The same for the quads of the prefix.
  std::int32_t prefix_bias[kTileQueries];
  /// For each group the least score that matches, between -2^30 and 2^30.
  std::int32_t cutoffs[kTileQueries][kRunGroups];
  /// For each group the rows that may match.
  const std::uint64_t* eligible[kTileQueries];
  /// The least score over the prefix; a row below it may be taken for one that does not match.
  std::int32_t prefix_cutoffs[kTileQueries][kRunGroups];
};

/// Bit r of matched[q][g] is set when row r of group g matches query q. The scores are only set where one matches.
struct CodeMatches {
  std::uint64_t matched[kTileQueries][kRunGroups];
  std::int32_t scores[kTileQueries][kRunGroups][kGroupRows];
};

/// Rows that match, and how to make intervals from their scores: scale * score, less and more error.
struct ScoredGroup {
  const std::int32_t* scores;
  std::uint64_t matched;
  float scale;
  float error;
  /// The name of row r is first_name - r.
  std::int64_t first_name;
};

/// Room for intervals in arrays that are a group longer than what they hold; ends are ordinals of floats.
struct Intervals {
  std::int32_t* lowers;
  std::int32_t* uppers;
  std::int64_t* names;
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

  /// The same for n rows that lie anywhere.
  void (*dot_exact_rows)(const float* const* rows, std::size_t n, int dimension, const float* query, double* out);

  /// cutoffs[g] = an integer that is not above (threshold - (error * norm[g] + length * residual[g])) * (steps *
  /// steps[g]), and at most 2 below it; what is beyond -2^26 and 2^26 counts as these.
  void (*set_cutoffs)(const RunBounds& run, const QueryBound& query, std::int32_t* cutoffs);

  /// Integer inner products, exact, of the queries with a run of groups of kGroupRows rows; 1 <= tile.queries.
  void (*match_codes)(const std::uint8_t* run, int groups, const CodeTile& tile, CodeMatches& matches);

  /// Bit i is set when bit rows[i] of the bitmap is, with 64 bits in a word; 1 <= n <= kGroupRows.
  std::uint64_t (*bits_at)(const std::uint64_t* bitmap, const std::uint32_t* rows, int n);

  /// Appends the intervals of the matching rows that end at `least` or above; the number of them.
  std::size_t (*add_intervals)(const ScoredGroup& group, std::int32_t least, const Intervals& end);

  /// A value not below `least` that at least k values reach, and at most k + slack if there is one; `least` if fewer
  /// than k reach it; 1 <= k <= n.
  std::int32_t (*reached_by)(const std::int32_t* values, std::size_t n, std::size_t k, std::size_t slack,
                             std::int32_t least);

  /// Moves the intervals with upper ends of at least `least` to the front; the number of them.
  std::size_t (*keep_reaching)(const Intervals& intervals, std::size_t n, std::int32_t least);

  /// ranks[i] = number of greater values, and of equal ones before it. O(n^2).
  void (*rank)(const std::int32_t* values, std::size_t n, std::int32_t* ranks);

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
