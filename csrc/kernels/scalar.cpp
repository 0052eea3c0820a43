// The oracle of every other level, and what runs where there is none.
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

void match_codes(const std::uint8_t* group, int quads, const CodeTile& tile, CodeMatches& matches) {
  for (int q = 0; q < tile.queries; ++q) {
    std::int32_t* scores = matches.scores[q];
    for (int r = 0; r < kGroupRows; ++r) scores[r] = tile.bias[q];
    for (int quad = 0; quad < quads; ++quad) {
      const std::uint8_t* codes = group + quad * kQuadBytes;
      const std::int8_t* query = tile.codes[q] + quad * kQuad;
      for (int r = 0; r < kGroupRows; ++r) {
        for (int j = 0; j < kQuad; ++j) scores[r] += codes[r * kQuad + j] * query[j];
      }
    }
    matches.matched[q] = 0;
    for (int r = 0; r < kGroupRows; ++r) {
      matches.matched[q] |= static_cast<std::uint64_t>(scores[r] >= tile.cutoff[q]) << r;
    }
  }
}

}  // namespace

const Table kScalar = {"scalar", dot_rows, at_least, striped_dot<double>, match_codes, &kDenseBaseline};

}  // namespace recstream::kernels
