#include "recstream/exact_index.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <stdexcept>

#include "bitmap.h"
#include "block_scan.h"
#include "index_snapshot.h"
#include "parallel.h"
#include "recstream/simd_level.h"

namespace recstream {
namespace {

// A thread costs tens of microseconds to start; this many multiply-adds take about a millisecond on one core.
constexpr std::int64_t kWorkPerThread = std::int64_t{1} << 24;

void require_queries(const MatrixView& queries, std::int64_t dimension, std::int64_t k,
                     std::span<const RowFilter> filters, std::int64_t rows) {
  if (k < 1) throw std::invalid_argument("k must be at least 1, got " + std::to_string(k));
  if (queries.dimension != dimension) {
    throw std::invalid_argument("queries must have " + std::to_string(dimension) + " dimensions, got " +
                                std::to_string(queries.dimension));
  }
  require_finite(queries, "queries");
  const auto words = words_for(rows);
  for (const auto& filter : filters) {
    if (filter.allow && filter.allow->size() < words) {
      throw std::invalid_argument("allow must have at least " + std::to_string(words) + " words for " +
                                  std::to_string(rows) + " rows, got " + std::to_string(filter.allow->size()));
    }
  }
}

/// A batch of queries over one snapshot: scan, select, rescore.
class BatchSearch {
 public:
  BatchSearch(const IndexSnapshot& snapshot, const kernels::Table& kernels, const MatrixView& queries, std::int64_t k,
              std::span<const RowFilter> filters)
      : snapshot_(snapshot), kernels_(kernels), bound_(snapshot.dimension), k_(std::min(k, snapshot.rows)) {
    queries_.reserve(static_cast<std::size_t>(queries.rows));
    for (std::int64_t q = 0; q < queries.rows; ++q) {
      const RowFilter filter = filters.empty() ? RowFilter{} : filters[static_cast<std::size_t>(q)];
      queries_.emplace_back(queries.row(q), filter, kernels);
    }
  }

  /// Scans with up to `threads` threads; each takes a stretch of blocks, for all queries while a block is in cache.
  void scan(int threads) {
    const auto work = snapshot_.rows * snapshot_.dimension * static_cast<std::int64_t>(queries_.size());
    const auto useful = std::max<std::int64_t>(1, work / kWorkPerThread);
    const auto blocks = std::max<std::int64_t>(1, static_cast<std::int64_t>(snapshot_.blocks.size()));
    const auto parts = static_cast<int>(std::min({static_cast<std::int64_t>(threads), useful, blocks}));
    found_.assign(static_cast<std::size_t>(parts), {});
    run_parts(parts, [&](int part) { scan_part(part, parts); });
  }

  /// The k best rows of a query, in order.
  std::vector<ScoredRow> best(std::size_t q) {
    Survivors& survivors = found_[0][q];
    for (std::size_t part = 1; part < found_.size(); ++part) survivors.add_all(found_[part][q]);
    std::vector<ScoredRow> rows;
    for (const auto& survivor : survivors.finish()) {
      const auto* vector = snapshot_.vector(survivor.row);
      const double score = kernels_.dot_exact(vector, queries_[q].vector, static_cast<int>(snapshot_.dimension));
      rows.push_back({.score = score, .row = survivor.row});
    }
    rescored_ += static_cast<std::int64_t>(rows.size());
    keep_best(rows, k_);
    return rows;
  }

  std::int64_t rescored() const { return rescored_; }

 private:
  void scan_part(int part, int parts) {
    auto& found = found_[static_cast<std::size_t>(part)];
    found.assign(queries_.size(), Survivors(static_cast<std::size_t>(k_)));
    const auto blocks = snapshot_.blocks.size();
    const auto first = blocks * static_cast<std::size_t>(part) / static_cast<std::size_t>(parts);
    const auto last = blocks * static_cast<std::size_t>(part + 1) / static_cast<std::size_t>(parts);
    for (std::size_t block = first; block < last; ++block) {
      for (std::size_t q = 0; q < queries_.size(); ++q) {
        scan_block(snapshot_, block, queries_[q], bound_, kernels_, found[q]);
      }
    }
  }

  const IndexSnapshot& snapshot_;
  const kernels::Table& kernels_;
  const ScoreBound bound_;
  const std::int64_t k_;
  std::vector<PreparedQuery> queries_;
  std::vector<std::vector<Survivors>> found_;
  std::int64_t rescored_ = 0;
};

}  // namespace

void keep_best(std::vector<ScoredRow>& rows, std::int64_t k) {
  if (static_cast<std::int64_t>(rows.size()) > k) {
    std::nth_element(rows.begin(), rows.begin() + k, rows.end(), ranks_before);
    rows.resize(static_cast<std::size_t>(k));
  }
  std::sort(rows.begin(), rows.end(), ranks_before);
}

ExactIndex::ExactIndex(const MatrixView& vectors, int threads, std::string_view level)
    : kernels_(kernels_for(level)),
      threads_(thread_count(threads)),
      dimension_(vectors.dimension),
      snapshot_(std::make_shared<const IndexSnapshot>(borrow_rows(vectors, kernels_))) {}

ExactIndex::~ExactIndex() = default;

void ExactIndex::search(const MatrixView& queries, std::int64_t k, std::span<const RowFilter> filters, float* scores,
                        std::int64_t* rows) const {
  const auto current = snapshot();
  require_queries(queries, dimension_, k, filters, current->rows);
  const auto cells = queries.rows * k;
  std::fill_n(scores, cells, -std::numeric_limits<float>::infinity());
  std::fill_n(rows, cells, std::int64_t{-1});
  if (current->rows == 0 || queries.rows == 0) return;

  BatchSearch batch(*current, kernels_, queries, k, filters);
  batch.scan(threads_);
  for (std::int64_t q = 0; q < queries.rows; ++q) {
    std::int64_t cell = q * k;
    for (const auto& found : batch.best(static_cast<std::size_t>(q))) {
      scores[cell] = static_cast<float>(found.score);
      rows[cell++] = found.row;
    }
  }
  scans_ += queries.rows;
  rescored_ += batch.rescored();
}

std::vector<ScoredRow> ExactIndex::rank(std::span<const float> query, std::span<const std::int64_t> rows,
                                        std::int64_t k) const {
  const auto current = snapshot();
  std::vector<ScoredRow> ranked;
  ranked.reserve(rows.size());
  for (const auto row : rows) {
    if (!current->is_live(row)) continue;
    ranked.push_back(
        {.score = kernels_.dot_exact(current->vector(row), query.data(), static_cast<int>(dimension_)), .row = row});
  }
  keep_best(ranked, k);
  return ranked;
}

std::vector<ScoredRow> ExactIndex::nearest(std::int64_t row, std::int64_t k) const {
  const auto current = snapshot();
  const float* query = current->vector(row);
  const double norm = current->norm(row);
  std::vector<ScoredRow> ranked;
  ranked.reserve(static_cast<std::size_t>(current->rows));
  for (std::int64_t other = 0; other < current->rows; ++other) {
    if (other == row || !current->is_live(other)) continue;
    const double norms = norm * current->norm(other);
    const double dot = kernels_.dot_exact(current->vector(other), query, static_cast<int>(dimension_));
    ranked.push_back({.score = norms > 0 ? dot / norms : 0.0, .row = other});
  }
  keep_best(ranked, k);
  return ranked;
}

void ExactIndex::upsert(std::span<const std::int64_t> rows, const MatrixView& vectors) {
  const std::scoped_lock lock(writer_);
  publish(with_rows(*snapshot(), rows, vectors, kernels_));
}

void ExactIndex::erase(std::span<const std::int64_t> rows) {
  const std::scoped_lock lock(writer_);
  publish(without_rows(*snapshot(), rows));
}

IndexStats ExactIndex::stats() const {
  const auto current = snapshot();
  const auto blocks = static_cast<std::int64_t>(current->blocks.size());
  const auto scans = scans_.load();
  return {.rows = current->rows,
          .deleted = current->deleted,
          .dimension = dimension_,
          .level = kernels_.name,
          .bytes = current->rows * dimension_ * static_cast<std::int64_t>(sizeof(float)) +
                   blocks * static_cast<std::int64_t>(sizeof(Block) + sizeof(BlockStorage)),
          .scans = scans,
          .mean_rescored = scans > 0 ? static_cast<double>(rescored_.load()) / static_cast<double>(scans) : 0.0};
}

std::shared_ptr<const IndexSnapshot> ExactIndex::snapshot() const {
  const std::scoped_lock lock(snapshot_mutex_);
  return snapshot_;
}

void ExactIndex::publish(IndexSnapshot next) {
  auto fresh = std::make_shared<const IndexSnapshot>(std::move(next));
  const std::scoped_lock lock(snapshot_mutex_);
  // The old snapshot dies with `fresh`, after the lock is gone.
  snapshot_.swap(fresh);
}

}  // namespace recstream
