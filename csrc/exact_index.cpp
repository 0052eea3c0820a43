#include "recstream/exact_index.h"

#include <algorithm>
#include <limits>
#include <stdexcept>

#include "batch_search.h"
#include "bitmap.h"
#include "coded_part.h"
#include "index_snapshot.h"
#include "parallel.h"
#include "recstream/simd_level.h"

namespace recstream {
namespace {

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

std::shared_ptr<const IndexSnapshot> first_snapshot(const MatrixView& vectors, const kernels::Table& kernels,
                                                    int threads) {
  IndexSnapshot snapshot = borrow_rows(vectors, kernels);
  snapshot.coded = code_part(snapshot, threads);
  return std::make_shared<const IndexSnapshot>(std::move(snapshot));
}

/// Rows that came after the filter was compiled do not pass.
bool passes(const CompiledFilter& filter, std::int64_t row) {
  return row < filter.rows() && has_bit(filter.words(), row);
}

}  // namespace

void keep_best(std::vector<ScoredRow>& rows, std::int64_t k) {
  // As a function, not a lambda, it would be called through a pointer for each comparison.
  const auto before = [](const ScoredRow& a, const ScoredRow& b) { return ranks_before(a, b); };
  if (static_cast<std::int64_t>(rows.size()) > k) {
    std::nth_element(rows.begin(), rows.begin() + k, rows.end(), before);
    rows.resize(static_cast<std::size_t>(k));
  }
  std::sort(rows.begin(), rows.end(), before);
}

ExactIndex::ExactIndex(const MatrixView& vectors, int threads, std::string_view level)
    : kernels_(kernels_for(level)),
      threads_(thread_count(threads)),
      dimension_(vectors.dimension),
      snapshot_(first_snapshot(vectors, kernels_, threads_)) {}

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

std::vector<ScoredRow> ExactIndex::nearest(std::int64_t row, std::int64_t k, const CompiledFilter* filter) const {
  const auto current = snapshot();
  const float* query = current->vector(row);
  const double norm = current->norm(row);
  std::vector<ScoredRow> ranked;
  ranked.reserve(static_cast<std::size_t>(current->rows));
  for (std::int64_t other = 0; other < current->rows; ++other) {
    if (other == row || !current->is_live(other)) continue;
    if (filter != nullptr && !passes(*filter, other)) continue;
    const double norms = norm * current->norm(other);
    const double dot = kernels_.dot_exact(current->vector(other), query, static_cast<int>(dimension_));
    ranked.push_back({.score = norms > 0 ? dot / norms : 0.0, .row = other});
  }
  keep_best(ranked, k);
  return ranked;
}

void ExactIndex::upsert(std::span<const std::int64_t> rows, const MatrixView& vectors) {
  const std::scoped_lock lock(writer_);
  const auto base = snapshot();
  IndexSnapshot next = with_rows(*base, rows, vectors, kernels_);
  next.coded = part_with_rows(base->coded.get(), rows, next, threads_);
  publish(std::move(next));
}

void ExactIndex::erase(std::span<const std::int64_t> rows) {
  const std::scoped_lock lock(writer_);
  const auto base = snapshot();
  IndexSnapshot next = without_rows(*base, rows);
  next.coded = part_without_rows(base->coded.get(), rows, next, threads_);
  publish(std::move(next));
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
                   blocks * static_cast<std::int64_t>(sizeof(Block) + sizeof(BlockStorage)) +
                   (current->coded ? current->coded->bytes() : 0),
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
