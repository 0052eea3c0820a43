#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "coded_rows.h"
#include "index_snapshot.h"

namespace recstream {

/// What of a snapshot is coded, and what is not. Immutable; a change copies the bitmap and the list, not the codes.
struct CodedPart {
  std::shared_ptr<const CodedRows> rows;
  /// Bit per row number at the time of coding: the row has a slot, and neither changed nor was deleted since.
  std::vector<std::uint64_t> current;
  /// Rows set since, rising; they may have been deleted again.
  std::vector<std::int64_t> changed;
  /// Slots whose row is not current.
  std::int64_t stale = 0;

  std::int64_t bytes() const;
};

/// Codes all live rows, with up to `threads` threads; nothing when there are too many for 32-bit row numbers.
std::shared_ptr<const CodedPart> code_part(const IndexSnapshot& snapshot, int threads);

/// The part after `rows` were set; `next` is the snapshot with them. Codes everything anew once so many rows have
/// changed that they would slow a search down: O(rows changed + total rows / 64), and now and then code_rows().
std::shared_ptr<const CodedPart> part_with_rows(const CodedPart* base, std::span<const std::int64_t> rows,
                                                const IndexSnapshot& next, int threads);

/// The same after `rows` were deleted.
std::shared_ptr<const CodedPart> part_without_rows(const CodedPart* base, std::span<const std::int64_t> rows,
                                                   const IndexSnapshot& next, int threads);

}  // namespace recstream
