#pragma once

#include <algorithm>
#include <cmath>
#include <span>

namespace recstream {

inline constexpr double kLargestCode = 127;

/// The step that lets the codes of all values stay within kLargestCode.
inline double code_scale(std::span<const double> values) {
  double largest = 0;
  for (const double value : values) largest = std::max(largest, std::fabs(value));
  return largest > 0 ? largest / kLargestCode : 1.0;
}

/// The code of a value; `steps` is the inverse of the step.
inline int code_for(double value, double steps) {
  // The offset makes truncation round to the nearest.
  return static_cast<int>(value * steps + (kLargestCode + 0.5)) - static_cast<int>(kLargestCode);
}

}  // namespace recstream
