#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "bitmap.h"
#include "kernels/kernels.h"
#include "recstream/matrix_view.h"

namespace recstream {

/// Rows of a block. Its vectors take 64 KiB at d = 16 and 256 KiB at d = 64: small enough to stay in the second-level
/// cache for a batch of queries, and to be copied when one of its rows changes.
inline constexpr std::int64_t kBlockRows = 1024;
inline constexpr std::int64_t kBlockWords = kBlockRows / kWordBits;

/// Memory of a block's rows: the caller's, or its own with room for kBlockRows. Slots at and after the `count` of every
/// Block that points here are free to be written; the others never change.
struct BlockStorage {
  const float* vectors = nullptr;
  std::unique_ptr<float[]> owned;
  std::array<double, kBlockRows> norms{};
};

/// Up to kBlockRows rows. Immutable once it is in a snapshot.
struct Block {
  std::shared_ptr<BlockStorage> storage;
  int count = 0;
  /// At least the Euclidean norm of every row.
  double max_norm = 0;
  /// Bit per row: not deleted.
  std::array<std::uint64_t, kBlockWords> live{};
};

struct CodedPart;

/// All rows at one moment. Immutable; searches share it with later snapshots block by block.
struct IndexSnapshot {
  std::vector<std::shared_ptr<const Block>> blocks;
  std::int64_t dimension = 0;
  std::int64_t rows = 0;
  std::int64_t deleted = 0;
  /// What a search scans first; none when every search has to scan the blocks. Whoever changes rows sets it anew.
  std::shared_ptr<const CodedPart> coded;

  const Block& block_of(std::int64_t row) const { return *blocks[static_cast<std::size_t>(row / kBlockRows)]; }
  const float* vector(std::int64_t row) const {
    return block_of(row).storage->vectors + (row % kBlockRows) * dimension;
  }
  double norm(std::int64_t row) const {
    return block_of(row).storage->norms[static_cast<std::size_t>(row % kBlockRows)];
  }
  /// All memory: vectors, borrowed ones included, norms, bitmaps, codes, and room for rows to come.
  std::int64_t bytes() const;
  bool is_live(std::int64_t row) const { return has_bit(block_of(row).live, row % kBlockRows); }
};

/// Snapshot that borrows `vectors`. Throws std::invalid_argument naming a row that is not finite. O(rows * dimension).
IndexSnapshot borrow_rows(const MatrixView& vectors, const kernels::Table& kernels);

/// `base` with `rows[i]` set to `vectors.row(i)`; the last one wins. Copies the blocks it touches, except when all it
/// does to a block is to append. Calls on snapshots that share blocks must not overlap.
/// Throws std::invalid_argument for vectors that are not finite or rows that would leave a gap, and changes nothing.
IndexSnapshot with_rows(const IndexSnapshot& base, std::span<const std::int64_t> rows, const MatrixView& vectors,
                        const kernels::Table& kernels);

/// `base` without `rows`. Throws std::invalid_argument for a row that it never had.
IndexSnapshot without_rows(const IndexSnapshot& base, std::span<const std::int64_t> rows);

}  // namespace recstream
