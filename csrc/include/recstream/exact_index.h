#pragma once

#include <atomic>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "recstream/compiled_filter.h"
#include "recstream/matrix_view.h"

namespace recstream {

namespace kernels {
struct Table;
}
struct IndexSnapshot;
class LiveRows;
class SharedScan;

/// A row and its inner product in float64.
struct ScoredRow {
  double score;
  std::int64_t row;
};

/// The one order of results: better score first, ties by lower row.
inline bool ranks_before(const ScoredRow& a, const ScoredRow& b) {
  return a.score > b.score || (a.score == b.score && a.row < b.row);
}

/// Moves the k best to the front, in order, and drops the rest. O(n + k log k).
void keep_best(std::vector<ScoredRow>& rows, std::int64_t k);

/// Which rows a query may return. Views memory that must outlive the search.
struct RowFilter {
  /// Bit r % 64 of word r / 64: whether row r may be returned; a bit for each row of the index at least. None means
  /// every row.
  std::optional<std::span<const std::uint64_t>> allow;
  /// Rows that may not be returned, in any order; unknown ones are ignored.
  std::span<const std::int64_t> exclude;
  /// What k rows that may be returned are known to score at least, k being how many are wanted: it spares the scan what
  /// is below. Rounded down from the score.
  float at_least = -std::numeric_limits<float>::infinity();
};

/// One of several searches, and where its answer goes. Views memory of the caller.
struct ScanRequest {
  MatrixView queries;
  std::int64_t k = 1;
  std::span<const RowFilter> filters;
  float* scores = nullptr;
  std::int64_t* rows = nullptr;
};

struct IndexStats {
  /// Row numbers in use, those of deleted rows included: the next new row has this number.
  std::int64_t rows;
  std::int64_t deleted;
  std::int64_t dimension;
  std::string level;
  /// Vectors, borrowed ones included, codes, norms, bitmaps, and room for rows to come.
  std::int64_t bytes;
  /// Rows set since the last merge: a search scores them one by one.
  std::int64_t changed;
  /// Times that all rows were coded anew in the background.
  std::int64_t merges;
  /// Queries answered by a scan.
  std::int64_t scans;
  /// Passes over the rows that answered them: a pass is shared by searches that come at the same time.
  std::int64_t passes;
  /// Rows whose codes a query read, on average; 0 for one that is answered without codes.
  double mean_scanned;
  /// Rows that a query rescored in float64, on average.
  double mean_rescored;
};

/// Exact maximum inner product search over float32 vectors.
///
/// The ranking is that of the float64 inner product (kernels::Table::dot_exact), ties by lower row: the same bits at
/// every instruction-set level, thread count, batch size and block order. NaN and infinity are refused everywhere.
/// Relies on the default floating-point environment: rounding to nearest, denormal numbers kept. All functions are safe
/// to call at once. A search works on the rows of one moment, and never waits for a writer; writers wait for each
/// other, and copy the blocks of rows that they change. Searches that find every thread scanning wait for the next
/// pass, and share it (csrc/index/shared_scan.h); the answers are the same. A search scans 8-bit codes of the rows,
/// whose bound is proved in docs/exactness.md, and rescores what they leave.
class ExactIndex {
 public:
  /// Borrows `vectors`, which must stay unchanged while the index lives. `threads` bounds what one search may use, 0
  /// meaning one per core; `level` as in kernels_for(). Throws std::invalid_argument.
  ExactIndex(const MatrixView& vectors, int threads, std::string_view level);
  ~ExactIndex();
  ExactIndex(const ExactIndex&) = delete;
  ExactIndex& operator=(const ExactIndex&) = delete;

  /// The k best rows for each query, best first, into scores[q * k ..] and rows[q * k ..]; -inf and -1 where
  /// fewer than k rows are eligible. `filters` is empty or has one for each query. Throws std::invalid_argument for k <
  /// 1, another dimension, queries that are not finite, or a bitmap that is too short. O(queries * rows * dimension),
  /// at worst O(rows) memory for a query.
  void search(const MatrixView& queries, std::int64_t k, std::span<const RowFilter> filters, float* scores,
              std::int64_t* rows) const;

  /// As search() does for each of the requests, in as few passes over the rows as may be. What one of them makes it
  /// throw leaves the answers of all undefined.
  void search_each(std::span<const ScanRequest> requests) const;

  /// The scores of given rows, in the order given; rows must be known, deleted ones are left out. O(rows * dimension).
  std::vector<ScoredRow> scores_of(std::span<const float> query, std::span<const std::int64_t> rows) const;

  /// The k best of given rows by the same scores and order; rows must be known and distinct, deleted ones are left
  /// out. O(rows * dimension).
  std::vector<ScoredRow> rank(std::span<const float> query, std::span<const std::int64_t> rows, std::int64_t k) const;

  /// The k best among a query's candidates, in the order of search() and laid out as there. `candidates` has as many
  /// rows for each query, in any order: -1, repeated and deleted rows are left out. All queries see the rows of one
  /// moment. Throws std::invalid_argument as search() does, and for a row that never was.
  void rank_each(const MatrixView& queries, std::span<const std::int64_t> candidates, std::int64_t k, float* scores,
                 std::int64_t* rows) const;

  /// Copies the vectors of `rows` into out[i * dimension() ..]; that of a deleted row is what it last was. Throws
  /// std::invalid_argument for a row that never was, and writes nothing.
  void copy_vectors(std::span<const std::int64_t> rows, float* out) const;

  /// The k rows with the highest cosine to `row`, without itself, of those that pass the filter; all when it is null.
  /// The cosine of a zero vector is 0. O(rows that pass * dimension).
  std::vector<ScoredRow> nearest(std::int64_t row, std::int64_t k, const CompiledFilter* filter = nullptr) const;

  /// Sets rows, or appends new ones, without gaps; the last of equal rows wins. Visible to every search that starts
  /// after the return. Throws std::invalid_argument, and changes nothing. O(rows + blocks touched + total rows / 64):
  /// now and then a thread of the index codes all rows anew, about a second for a million of 64 dimensions, which no
  /// call waits for but the destructor, and that only until the thread has seen it. The memory of the arguments is read
  /// more than once: nobody may write to it before the return.
  void upsert(std::span<const std::int64_t> rows, const MatrixView& vectors);

  /// Takes rows out of every search that starts after the return; rows already gone are ignored. Throws
  /// std::invalid_argument for a row that never was, and changes nothing.
  void erase(std::span<const std::int64_t> rows);

  std::int64_t dimension() const { return dimension_; }

  /// At least the Euclidean norm of every row, to within a relative error of 2^-41. O(rows / 1024).
  double largest_norm() const;

  IndexStats stats() const;

 private:
  void require_request(const ScanRequest& request, std::int64_t rows) const;
  void answer(std::span<const ScanRequest* const> requests, int threads) const;

  const kernels::Table& kernels_;
  const int threads_;
  const std::int64_t dimension_;
  const std::unique_ptr<LiveRows> rows_;
  const std::unique_ptr<SharedScan> shared_scan_;
  mutable std::atomic<std::int64_t> scans_{0};
  mutable std::atomic<std::int64_t> passes_{0};
  mutable std::atomic<std::int64_t> scanned_{0};
  mutable std::atomic<std::int64_t> rescored_{0};
};

}  // namespace recstream
