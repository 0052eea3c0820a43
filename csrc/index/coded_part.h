#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <stop_token>
#include <vector>

#include "index/coded_rows.h"
#include "index/index_snapshot.h"

namespace recstream {

/// What of a snapshot is coded, and what is not. Immutable once it is in a snapshot; a change copies the bitmap and the
/// list, not the codes.
struct CodedPart {
  std::shared_ptr<const CodedRows> rows;
  /// Bit per row number at the time of coding: the row has a slot, and neither changed nor was deleted since.
  std::vector<std::uint64_t> current;
  /// Rows set since, rising; they may have been deleted again.
  std::vector<std::int64_t> changed;
  /// Slots whose row is not current.
  std::int64_t stale = 0;

  /// Whether so many of the `row_count` rows have changed that coding all anew pays.
  bool is_worn(std::int64_t row_count) const;
  /// Whether a search gains from the codes, beside the rows that have changed.
  bool is_worth_scanning(std::int64_t row_count) const;
  /// Takes the rows of a bitmap for changed. Call while nothing is changed. Strongly exception safe.
  void outdate(std::span<const std::uint64_t> touched);
  std::int64_t bytes() const;
};

/// Codes all live rows, with up to `threads` threads; nothing when there are too many for 32-bit row numbers, or when
/// told to stop.
std::shared_ptr<CodedPart> code_part(const IndexSnapshot& snapshot, int threads, const std::stop_token& stop = {});

/// The part after `rows` were set; none for none. O(rows changed + total rows / 64).
std::shared_ptr<const CodedPart> part_with_rows(const CodedPart* base, std::span<const std::int64_t> rows);

/// The same after `rows` were deleted.
std::shared_ptr<const CodedPart> part_without_rows(const CodedPart* base, std::span<const std::int64_t> rows);

}  // namespace recstream
