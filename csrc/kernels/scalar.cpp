// The oracle of every other level, and what runs where there is none.
#include "kernels/scalar.h"

#include "kernels/kernels.h"

namespace recstream::kernels {
namespace {

constexpr int kLanes = 8;

// Eight partial sums let the compiler use whatever vectors the baseline has without changing the order of additions.
template <class Sum>
Sum striped_dot(const float* a, const float* b, int dimension) {
  Sum sums[kLanes] = {};
  int j = 0;
  for (; j + kLanes <= dimension; j += kLanes) {
    for (int lane = 0; lane < kLanes; ++lane) {
      sums[lane] += static_cast<Sum>(a[j + lane]) * static_cast<Sum>(b[j + lane]);
    }
  }
  for (int lane = 0; j + lane < dimension; ++lane) {
    sums[lane] += static_cast<Sum>(a[j + lane]) * static_cast<Sum>(b[j + lane]);
  }
  return ((sums[0] + sums[4]) + (sums[2] + sums[6])) + ((sums[1] + sums[5]) + (sums[3] + sums[7]));
}

void dot_rows(const float* rows, int n, int dimension, const float* query, float* out) {
  for (int r = 0; r < n; ++r) {
    out[r] = striped_dot<float>(rows + static_cast<std::int64_t>(r) * dimension, query, dimension);
  }
}

std::uint64_t at_least(const float* scores, int n, float cutoff) {
  std::uint64_t bits = 0;
  for (int r = 0; r < n; ++r) {
    bits |= static_cast<std::uint64_t>(scores[r] >= cutoff) << r;
  }
  return bits;
}

void dot_exact_rows(const float* const* rows, std::size_t n, int dimension, const float* query, double* out) {
  for (std::size_t r = 0; r < n; ++r) out[r] = striped_dot<double>(rows[r], query, dimension);
}

void add_quads(const std::uint8_t* group, const CodeTile& tile, int q, int first, int last, std::int32_t* scores) {
  for (int quad = first; quad < last; ++quad) {
    const std::uint8_t* codes = group + tile.offsets[quad];
    const std::int8_t* query = tile.codes + (quad * kTileQueries + q) * kQuad;
    for (int r = 0; r < kGroupRows; ++r) {
      for (int j = 0; j < kQuad; ++j) scores[r] += codes[r * kQuad + j] * query[j];
    }
  }
}

std::uint64_t reaching(const std::int32_t* scores, std::int32_t cutoff) {
  std::uint64_t bits = 0;
  for (int r = 0; r < kGroupRows; ++r) bits |= static_cast<std::uint64_t>(scores[r] >= cutoff) << r;
  return bits;
}

std::uint64_t match(const std::uint8_t* group, const CodeTile& tile, int q, int g, std::int32_t* scores) {
  for (int r = 0; r < kGroupRows; ++r) scores[r] = tile.bias[q];
  add_quads(group, tile, q, 0, tile.prefix, scores);
  if (tile.prefix < tile.quads) {
    if (reaching(scores, tile.prefix_cutoffs[q][g] + tile.bias[q] - tile.prefix_bias[q]) == 0) return 0;
    add_quads(group, tile, q, tile.prefix, tile.quads, scores);
  }
  return reaching(scores, tile.cutoffs[q][g]) & tile.eligible[q][g];
}

void match_codes(const std::uint8_t* run, int groups, const CodeTile& tile, CodeMatches& matches) {
  for (int g = 0; g < groups; ++g) {
    const std::uint8_t* group = run + static_cast<std::ptrdiff_t>(g) * tile.quads * kQuadBytes;
    for (int q = 0; q < tile.queries; ++q) {
      matches.matched[q][g] = match(group, tile, q, g, matches.scores[q][g]);
    }
  }
}

}  // namespace

const Table kScalar = {"scalar",
                       dot_rows,
                       at_least,
                       striped_dot<double>,
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
