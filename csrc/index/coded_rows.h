#pragma once

#include <cstdint>
#include <memory>
#include <stop_token>
#include <vector>

#include "index/index_snapshot.h"
#include "index/rotation.h"
#include "kernels/kernels.h"

namespace recstream {

/// What holds for all kernels::kGroupRows rows that share a scale; see CodeBound.
struct CodedGroup {
  /// Step of the codes, s.
  double scale;
  /// At least R of each row.
  double residual;
  /// At least the norm of each row of this group and of all groups behind it.
  double norm;
};

/// Rows by falling norm, rotated, as signed 8-bit codes in the layout of kernels::Table::match_codes. Immutable.
struct CodedRows {
  explicit CodedRows(std::int64_t dimension);

  Rotation rotation;
  std::int64_t dimension;
  int quads;
  /// Row number of each slot; the last group may have fewer than its full number of slots.
  std::vector<std::uint32_t> rows;
  std::vector<CodedGroup> groups;
  /// Starts on a cache line, or on a large page; no more bytes than the groups take.
  std::unique_ptr<std::uint8_t[], void (*)(std::uint8_t*)> codes;

  std::int64_t group_bytes() const { return std::int64_t{quads} * kernels::kQuadBytes; }
  const std::uint8_t* group_codes(std::int64_t group) const { return codes.get() + group * group_bytes(); }
  std::int64_t bytes() const;

  /// A name for the row of a slot that differs from all row numbers. Finding the row itself is a cache miss, which only
  /// rows that survive a scan are worth.
  static std::int64_t name_of_slot(std::int64_t slot) { return -1 - slot; }
  /// The row of such a name, or of a row number.
  std::int64_t row_of(std::int64_t name) const {
    return name >= 0 ? name : std::int64_t{rows[static_cast<std::size_t>(-1 - name)]};
  }
  void prefetch_row_of(std::int64_t name) const {
    if (name < 0) __builtin_prefetch(rows.data() + (-1 - name));
  }
};

/// Codes the live rows of a snapshot, which must have fewer than 2^32, with up to `threads` threads; none when told to
/// stop. O(rows * dimension * log dimension).
std::shared_ptr<const CodedRows> code_rows(const IndexSnapshot& snapshot, int threads, const std::stop_token& stop);

}  // namespace recstream
