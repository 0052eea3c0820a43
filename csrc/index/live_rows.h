#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <stop_token>
#include <thread>
#include <vector>

#include "index/index_snapshot.h"
#include "kernels/kernels.h"
#include "recstream/matrix_view.h"

namespace recstream {

struct CodedPart;

/// The rows of an index as they change: snapshots for readers, one writer at a time, and a merge in the background.
///
/// A write makes a snapshot in which the rows it set are a list beside the codes, and those it deleted cleared bits.
/// When there are so many that searches would feel them, a thread codes the rows of the latest snapshot anew; what
/// writers touch meanwhile is noted, and becomes the list beside the new codes when they are swapped in. Readers and
/// writers wait for a swap only: O(rows touched meanwhile + rows / 64). What a search answers does not depend on how
/// far a merge is. A merge that fails for lack of memory changes nothing; the next write starts another.
///
/// Memory beyond the latest snapshot: the codes in the making, and the blocks that the snapshot they are made from does
/// not share with the latest one, at most one copy of all rows.
class LiveRows {
 public:
  /// Borrows `vectors`. Codes them with up to `threads` threads. Throws std::invalid_argument for a row that is not
  /// finite.
  LiveRows(const MatrixView& vectors, const kernels::Table& kernels, int threads);

  /// Rows of this moment. Waits for no writer.
  std::shared_ptr<const IndexSnapshot> snapshot() const;

  /// See with_rows() and without_rows(). A call that throws changes nothing.
  void upsert(std::span<const std::int64_t> rows, const MatrixView& vectors);
  void erase(std::span<const std::int64_t> rows);

  /// Merges that were swapped in.
  std::int64_t merges() const { return merges_; }

 private:
  void write(IndexSnapshot next, std::span<const std::int64_t> rows);
  void publish(IndexSnapshot next);
  void note_touched(std::span<const std::int64_t> rows, std::int64_t row_count);
  void start_merge();
  void merge(const std::stop_token& stop);
  bool swap_in(const std::shared_ptr<CodedPart>& part);

  const kernels::Table& kernels_;
  std::mutex writer_;
  /// Both are the writer's: whether a merge is under way, and a bit for each row that was touched since it began.
  bool merging_ = false;
  std::vector<std::uint64_t> touched_;
  mutable std::mutex snapshot_mutex_;
  std::shared_ptr<const IndexSnapshot> snapshot_;
  std::atomic<std::int64_t> merges_{0};
  /// The last member: it stops, and is waited for, before the others go.
  std::jthread merge_thread_;
};

}  // namespace recstream
