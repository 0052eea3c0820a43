#include "index/live_rows.h"

#include <exception>
#include <new>
#include <utility>

#include "bitmap.h"
#include "index/coded_part.h"

namespace recstream {
namespace {

std::shared_ptr<const IndexSnapshot> first_snapshot(const MatrixView& vectors, const kernels::Table& kernels,
                                                    int threads) {
  IndexSnapshot snapshot = borrow_rows(vectors, kernels);
  snapshot.coded = code_part(snapshot, threads);
  return std::make_shared<const IndexSnapshot>(std::move(snapshot));
}

bool is_worn(const IndexSnapshot& snapshot) { return snapshot.coded && snapshot.coded->is_worn(snapshot.rows); }

// One thread, because the others are for searches. None when told to stop, or for lack of memory.
std::shared_ptr<CodedPart> code_anew(const IndexSnapshot& snapshot, const std::stop_token& stop) {
  try {
    return code_part(snapshot, 1, stop);
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}

}  // namespace

LiveRows::LiveRows(const MatrixView& vectors, const kernels::Table& kernels, int threads)
    : kernels_(kernels), snapshot_(first_snapshot(vectors, kernels, threads)) {}

std::shared_ptr<const IndexSnapshot> LiveRows::snapshot() const {
  const std::scoped_lock lock(snapshot_mutex_);
  return snapshot_;
}

void LiveRows::upsert(std::span<const std::int64_t> rows, const MatrixView& vectors) {
  const std::scoped_lock lock(writer_);
  const auto base = snapshot();
  IndexSnapshot next = with_rows(*base, rows, vectors, kernels_);
  next.coded = part_with_rows(base->coded.get(), rows);
  write(std::move(next), rows);
}

void LiveRows::erase(std::span<const std::int64_t> rows) {
  const std::scoped_lock lock(writer_);
  const auto base = snapshot();
  IndexSnapshot next = without_rows(*base, rows);
  next.coded = part_without_rows(base->coded.get(), rows);
  write(std::move(next), rows);
}

// A row that is noted although its write then fails is only searched in float64 for a while.
void LiveRows::write(IndexSnapshot next, std::span<const std::int64_t> rows) {
  if (merging_) note_touched(rows, next.rows);
  publish(std::move(next));
  if (!merging_) start_merge();
}

void LiveRows::publish(IndexSnapshot next) {
  auto fresh = std::make_shared<const IndexSnapshot>(std::move(next));
  const std::scoped_lock lock(snapshot_mutex_);
  // The old snapshot dies with `fresh`, after the lock is gone.
  snapshot_.swap(fresh);
}

void LiveRows::note_touched(std::span<const std::int64_t> rows, std::int64_t row_count) {
  touched_.resize(words_for(row_count));
  for (const auto row : rows) set_bit(touched_, row);
}

// Whoever wrote has been served: that there is no thread or no memory for a merge is not for them to know.
void LiveRows::start_merge() {
  if (!is_worn(*snapshot())) return;
  try {
    merging_ = true;
    merge_thread_ = std::jthread([this](const std::stop_token& stop) { merge(stop); });
  } catch (const std::exception&) {
    merging_ = false;
  }
}

void LiveRows::merge(const std::stop_token& stop) {
  while (swap_in(code_anew(*snapshot(), stop))) {
  }
}

// Whether so much was touched meanwhile that it must be done again.
bool LiveRows::swap_in(const std::shared_ptr<CodedPart>& part) {
  std::shared_ptr<const IndexSnapshot> last;  // Its codes are given back after the lock is gone.
  const std::scoped_lock lock(writer_);
  const auto touched = std::exchange(touched_, {});
  merging_ = false;
  if (!part) return false;
  try {
    part->outdate(touched);
    last = snapshot();
    IndexSnapshot next = *last;
    next.coded = part;
    publish(std::move(next));
  } catch (const std::bad_alloc&) {
    return false;
  }
  ++merges_;
  merging_ = is_worn(*snapshot());
  return merging_;
}

}  // namespace recstream
