#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "index/index_snapshot.h"
#include "index/prepared_query.h"
#include "index/ranking.h"
#include "index/survivors.h"
#include "kernels/kernels.h"
#include "recstream/exact_index.h"

namespace recstream {

/// Multiply-adds of codes that take about half a millisecond on one core: a thread costs tens of microseconds to start.
inline constexpr std::int64_t kCodedWorkPerThread = std::int64_t{1} << 25;

/// A batch of queries over one snapshot: scan, select, rescore. Views all arguments. Not safe for use from several
/// threads.
class BatchSearch {
 public:
  BatchSearch(const IndexSnapshot& snapshot, const kernels::Table& kernels);

  /// Adds queries, to be numbered from the first one up as they come; `filters` is empty or has one for each. Call
  /// before `scan`.
  void add(const MatrixView& queries, std::int64_t k, std::span<const RowFilter> filters);

  /// Scans with up to `threads` threads.
  void scan(int threads);

  /// The k best rows of a query, in order.
  std::vector<ScoredRow> best(std::size_t q);

  /// Rows whose codes were read, counted for each query.
  std::int64_t scanned() const { return scanned_; }

  /// Rows that best() has rescored.
  std::int64_t rescored() const { return rescored_; }

 private:
  void look_up(std::span<const std::int64_t> names);
  void score_exactly(const float* query);
  bool is_selective(std::size_t q);
  void scan_codes(std::span<const std::size_t> wanted, int threads);
  void scan_blocks(std::span<const std::size_t> wanted, int threads);
  int parts_for(std::size_t queries, std::int64_t work_per_thread, int threads) const;
  void start_parts(int parts, std::span<const std::size_t> wanted);

  const IndexSnapshot& snapshot_;
  const kernels::Table& kernels_;
  std::vector<PreparedQuery> queries_;
  /// Of each part for each query.
  std::vector<std::vector<Survivors>> found_;
  const std::uint64_t* counted_bitmap_ = nullptr;
  std::int64_t counted_rows_ = 0;
  std::int64_t scanned_ = 0;
  std::int64_t rescored_ = 0;
  RowRanking ranking_;
  /// Of the query that best() is at: survivors, their vectors and scores.
  std::vector<std::int64_t> rows_;
  std::vector<const float*> vectors_;
  std::vector<double> scores_;
};

}  // namespace recstream
