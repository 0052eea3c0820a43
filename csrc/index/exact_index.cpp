#include "recstream/exact_index.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <stdexcept>

#include "bitmap.h"
#include "index/batch_search.h"
#include "index/coded_part.h"
#include "index/index_snapshot.h"
#include "index/live_rows.h"
#include "index/shared_scan.h"
#include "parallel.h"
#include "recstream/simd_level.h"

namespace recstream {
namespace {

void require_bitmaps(std::span<const RowFilter> filters, std::int64_t rows) {
  const auto words = words_for(rows);
  for (const auto& filter : filters) {
    if (filter.allow && filter.allow->size() < words) {
      throw std::invalid_argument("allow must have at least " + std::to_string(words) + " words for " +
                                  std::to_string(rows) + " rows, got " + std::to_string(filter.allow->size()));
    }
  }
}

void require_queries(const MatrixView& queries, std::int64_t dimension, std::int64_t k) {
  if (k < 1) throw std::invalid_argument("k must be at least 1, got " + std::to_string(k));
  if (queries.dimension != dimension) {
    throw std::invalid_argument("queries must have " + std::to_string(dimension) + " dimensions, got " +
                                std::to_string(queries.dimension));
  }
  require_finite(queries, "queries");
}

// Best first, and what says that there is no more.
void write_answer(std::span<const ScoredRow> best, std::int64_t k, float* scores, std::int64_t* rows) {
  for (const auto& found : best) {
    *scores++ = static_cast<float>(found.score);
    *rows++ = found.row;
  }
  const auto missing = k - static_cast<std::int64_t>(best.size());
  std::fill_n(scores, missing, -std::numeric_limits<float>::infinity());
  std::fill_n(rows, missing, std::int64_t{-1});
}

/// Rows that came after the filter was compiled do not pass.
bool passes(const CompiledFilter& filter, std::int64_t row) {
  return row < filter.rows() && has_bit(filter.words(), row);
}

void require_known(std::span<const std::int64_t> rows, const IndexSnapshot& snapshot, std::int64_t least,
                   const char* name) {
  for (const auto row : rows) {
    if (row >= least && row < snapshot.rows) continue;
    throw std::invalid_argument(std::string(name) + ": " + std::to_string(row) +
                                " is unknown; the index has rows 0 to " + std::to_string(snapshot.rows - 1));
  }
}

std::vector<std::int64_t> distinct_rows(std::span<const std::int64_t> candidates) {
  std::vector<std::int64_t> rows(candidates.begin(), candidates.end());
  std::sort(rows.begin(), rows.end());
  rows.erase(std::unique(rows.begin(), rows.end()), rows.end());
  if (!rows.empty() && rows.front() < 0) rows.erase(rows.begin());
  return rows;
}

std::vector<ScoredRow> score_rows(const IndexSnapshot& snapshot, const kernels::Table& kernels, const float* query,
                                  std::span<const std::int64_t> rows) {
  std::vector<ScoredRow> scored;
  scored.reserve(rows.size());
  for (const auto row : rows) {
    if (!snapshot.is_live(row)) continue;
    const double score = kernels.dot_exact(snapshot.vector(row), query, static_cast<int>(snapshot.dimension));
    scored.push_back({.score = score, .row = row});
  }
  return scored;
}

std::vector<ScoredRow> rank_rows(const IndexSnapshot& snapshot, const kernels::Table& kernels, const float* query,
                                 std::span<const std::int64_t> rows, std::int64_t k) {
  auto ranked = score_rows(snapshot, kernels, query, rows);
  keep_best(ranked, k);
  return ranked;
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
      rows_(std::make_unique<LiveRows>(vectors, kernels_, threads_)),
      shared_scan_(std::make_unique<SharedScan>(
          std::max(threads_, thread_count(0)), threads_, kCodedWorkPerThread,
          [this](std::span<const ScanRequest* const> requests, int lanes) { answer(requests, lanes); })) {}

ExactIndex::~ExactIndex() = default;

void ExactIndex::search(const MatrixView& queries, std::int64_t k, std::span<const RowFilter> filters, float* scores,
                        std::int64_t* rows) const {
  const ScanRequest request{.queries = queries, .k = k, .filters = filters, .scores = scores, .rows = rows};
  search_each({&request, 1});
}

void ExactIndex::search_each(std::span<const ScanRequest> requests) const {
  const auto current_rows = rows_->snapshot()->rows;
  for (const auto& request : requests) require_request(request, current_rows);
  for (std::size_t first = 0; first < requests.size();) {
    auto end = first;
    std::int64_t queries = 0;
    do {
      queries += requests[end++].queries.rows;
    } while (end < requests.size() && queries + requests[end].queries.rows <= SharedScan::kMostQueries &&
             end - first < SharedScan::kMostQueries);
    const auto together = requests.subspan(first, end - first);
    if (queries > 0) shared_scan_->run(together, queries * current_rows * dimension_);
    first = end;
  }
}

void ExactIndex::require_request(const ScanRequest& request, std::int64_t rows) const {
  require_queries(request.queries, dimension_, request.k);
  require_bitmaps(request.filters, rows);
}

// The snapshot is taken now, after every one of the searches has begun.
void ExactIndex::answer(std::span<const ScanRequest* const> requests, int threads) const {
  const auto current = rows_->snapshot();
  BatchSearch batch(*current, kernels_);
  for (const auto* request : requests) {
    require_bitmaps(request->filters, current->rows);
    batch.add(request->queries, request->k, request->filters);
  }
  batch.scan(threads);
  std::size_t number = 0;
  for (const auto* request : requests) {
    for (std::int64_t q = 0; q < request->queries.rows; ++q) {
      write_answer(batch.best(number++), request->k, request->scores + q * request->k, request->rows + q * request->k);
    }
  }
  scans_ += static_cast<std::int64_t>(number);
  passes_ += 1;
  scanned_ += batch.scanned();
  rescored_ += batch.rescored();
}

std::vector<ScoredRow> ExactIndex::scores_of(std::span<const float> query, std::span<const std::int64_t> rows) const {
  return score_rows(*rows_->snapshot(), kernels_, query.data(), rows);
}

std::vector<ScoredRow> ExactIndex::rank(std::span<const float> query, std::span<const std::int64_t> rows,
                                        std::int64_t k) const {
  return rank_rows(*rows_->snapshot(), kernels_, query.data(), rows, k);
}

void ExactIndex::rank_each(const MatrixView& queries, std::span<const std::int64_t> candidates, std::int64_t k,
                           float* scores, std::int64_t* rows) const {
  const auto current = rows_->snapshot();
  require_queries(queries, dimension_, k);
  require_known(candidates, *current, -1, "candidates");
  const auto width = queries.rows > 0 ? candidates.size() / static_cast<std::size_t>(queries.rows) : 0;
  for (std::int64_t q = 0; q < queries.rows; ++q) {
    const auto known = distinct_rows(candidates.subspan(static_cast<std::size_t>(q) * width, width));
    write_answer(rank_rows(*current, kernels_, queries.row(q).data(), known, k), k, scores + q * k, rows + q * k);
  }
}

void ExactIndex::copy_vectors(std::span<const std::int64_t> rows, float* out) const {
  const auto current = rows_->snapshot();
  require_known(rows, *current, 0, "rows");
  const auto floats = static_cast<std::size_t>(dimension_);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    std::memcpy(out + i * floats, current->vector(rows[i]), floats * sizeof(float));
  }
}

std::vector<ScoredRow> ExactIndex::nearest(std::int64_t row, std::int64_t k, const CompiledFilter* filter) const {
  const auto current = rows_->snapshot();
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

void ExactIndex::upsert(std::span<const std::int64_t> rows, const MatrixView& vectors) { rows_->upsert(rows, vectors); }

void ExactIndex::erase(std::span<const std::int64_t> rows) { rows_->erase(rows); }

double ExactIndex::largest_norm() const {
  const auto current = rows_->snapshot();
  double largest = 0;
  for (const auto& block : current->blocks) largest = std::max(largest, block->max_norm);
  return largest;
}

IndexStats ExactIndex::stats() const {
  const auto current = rows_->snapshot();
  const auto scans = scans_.load();
  const auto mean_of = [&](std::int64_t total) {
    return scans > 0 ? static_cast<double>(total) / static_cast<double>(scans) : 0.0;
  };
  return {.rows = current->rows,
          .deleted = current->deleted,
          .dimension = dimension_,
          .level = kernels_.name,
          .bytes = current->bytes(),
          .changed = current->coded ? static_cast<std::int64_t>(current->coded->changed.size()) : 0,
          .merges = rows_->merges(),
          .scans = scans,
          .passes = passes_.load(),
          .mean_scanned = mean_of(scanned_),
          .mean_rescored = mean_of(rescored_)};
}

}  // namespace recstream
