#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "bitmap.h"
#include "kernels/kernels.h"
#include "recstream/exact_index.h"

namespace recstream {

/// A query made ready for scanning. Views the caller's vector and bitmap.
struct PreparedQuery {
  PreparedQuery(std::span<const float> query, std::int64_t k, const RowFilter& filter, const kernels::Table& kernels);

  /// Whether the filter lets a row pass.
  bool allows(std::int64_t row) const {
    if (allow && !has_bit(*allow, row)) return false;
    return !has_bit(exclude_hint, row % kHintBits) || !is_excluded(row);
  }

  const float* vector;
  /// How many rows are wanted.
  std::int64_t k;
  /// As many eligible rows score this at least.
  float at_least;
  double norm;
  std::optional<std::span<const std::uint64_t>> allow;
  /// Rising.
  std::vector<std::int64_t> exclude;

 private:
  static constexpr std::int64_t kHintBits = 1024;

  bool is_excluded(std::int64_t row) const;

  /// Bit r % kHintBits is set for each excluded row r: with some hundred of them most rows need no look into the list.
  std::array<std::uint64_t, kHintBits / kWordBits> exclude_hint{};
};

}  // namespace recstream
