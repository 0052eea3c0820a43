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

}  // namespace

const Table kScalar = {"scalar", dot_rows, at_least, striped_dot<double>};

}  // namespace recstream::kernels
