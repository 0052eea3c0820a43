#include "index/rotation.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace recstream {
namespace {

// SplitMix64 (Steele, Lea and Flood, 2014): the same signs on every machine.
std::uint64_t next_random(std::uint64_t& state) {
  state += 0x9E3779B97F4A7C15;
  std::uint64_t z = state;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
  return z ^ (z >> 31);
}

void hadamard(double* values, std::int64_t width) {
  for (std::int64_t half = 1; half < width; half *= 2) {
    for (std::int64_t first = 0; first < width; first += 2 * half) {
      double* low = values + first;
      double* high = low + half;
      for (std::int64_t j = 0; j < half; ++j) {
        const double a = low[j];
        const double b = high[j];
        low[j] = a + b;
        high[j] = a - b;
      }
    }
  }
}

}  // namespace

Rotation::Rotation(std::int64_t dimension)
    : dimension_(dimension), width_(static_cast<std::int64_t>(std::bit_floor(static_cast<std::uint64_t>(dimension)))) {
  std::vector<std::int64_t> starts{0};
  if (width_ != dimension) starts = {0, dimension - width_, 0, dimension - width_};
  const double factor = 1 / std::sqrt(static_cast<double>(width_));
  std::uint64_t state = 0;
  for (const auto first : starts) {
    Window window{.first = first, .signs = std::vector<double>(static_cast<std::size_t>(width_))};
    for (auto& sign : window.signs) sign = (next_random(state) >> 63) != 0 ? factor : -factor;
    windows_.push_back(std::move(window));
  }
}

void Rotation::apply(const float* vector, double* rotated) const {
  std::copy_n(vector, dimension_, rotated);
  for (const auto& window : windows_) {
    double* values = rotated + window.first;
    const double* signs = window.signs.data();
    for (std::int64_t j = 0; j < width_; ++j) values[j] *= signs[j];
    hadamard(values, width_);
  }
}

}  // namespace recstream
