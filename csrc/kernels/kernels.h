#pragma once

#include <cstdint>

// This header is seen by files built with extra instruction sets: it must not bring inline functions with it, or the
// linker may keep their faster copy for callers on machines that cannot run it.

namespace recstream::kernels {

/// Rows that one call handles: one word of a bitmap.
inline constexpr int kGroupRows = 64;

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
};

extern const Table kScalar;
#if defined(__x86_64__)
extern const Table kAvx2;
#endif

}  // namespace recstream::kernels
