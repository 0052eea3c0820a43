#include "index/batch_search.h"

#include <algorithm>
#include <bit>
#include <numeric>

#include "index/block_scan.h"
#include "index/coded_scan.h"
#include "parallel.h"

namespace recstream {
namespace {

// As kCodedWorkPerThread, in float32.
constexpr std::int64_t kFloatWorkPerThread = std::int64_t{1} << 23;
// Nanoseconds, as measured at 64 dimensions on a million rows: to fetch a row that lies anywhere, which queries share;
// to score it; and to scan the codes of a row, for one query and for each of many. Only their ratios matter.
constexpr double kFetchCost = 50;
constexpr double kScoreCost = 8;
constexpr double kLoneScanCost = 1.5;
constexpr double kLeastScanCost = 0.2;
// Distance, in rows, at which rescoring asks for vectors that lie anywhere in memory.
constexpr std::size_t kPrefetchAhead = 32;
constexpr std::size_t kScoredTogether = 4;

// The start of a vector; the processor goes on by itself.
void prefetch(const float* vector, std::int64_t dimension) {
  constexpr std::int64_t kLineFloats = 16;
  constexpr std::int64_t kMostLines = 4;
  const auto floats = std::min(dimension, kMostLines * kLineFloats);
  for (std::int64_t j = 0; j < floats; j += kLineFloats) __builtin_prefetch(vector + j);
}

}  // namespace

BatchSearch::BatchSearch(const IndexSnapshot& snapshot, const kernels::Table& kernels)
    : snapshot_(snapshot), kernels_(kernels), ranking_(kernels) {}

void BatchSearch::add(const MatrixView& queries, std::int64_t k, std::span<const RowFilter> filters) {
  for (std::int64_t q = 0; q < queries.rows; ++q) {
    const RowFilter filter = filters.empty() ? RowFilter{} : filters[static_cast<std::size_t>(q)];
    queries_.emplace_back(queries.row(q), std::min(k, snapshot_.rows), filter, kernels_);
  }
}

void BatchSearch::scan(int threads) {
  if (snapshot_.rows == 0) return;
  std::vector<std::size_t> by_codes;
  std::vector<std::size_t> by_blocks;
  const bool has_codes = snapshot_.coded && snapshot_.coded->is_worth_scanning(snapshot_.rows);
  for (std::size_t q = 0; q < queries_.size(); ++q) {
    (has_codes && !is_selective(q) ? by_codes : by_blocks).push_back(q);
  }
  if (!by_codes.empty()) scan_codes(by_codes, threads);
  if (!by_blocks.empty()) scan_blocks(by_blocks, threads);
}

std::vector<ScoredRow> BatchSearch::best(std::size_t q) {
  if (found_.empty()) return {};
  Survivors& survivors = found_[0][q];
  for (std::size_t part = 1; part < found_.size(); ++part) survivors.add_all(found_[part][q]);
  const auto names = survivors.finish();
  rescored_ += static_cast<std::int64_t>(names.size());
  look_up(names);
  score_exactly(queries_[q].vector);
  return ranking_.best(scores_, rows_, queries_[q].k);
}

void BatchSearch::look_up(std::span<const std::int64_t> names) {
  rows_.assign(names.begin(), names.end());
  if (snapshot_.coded != nullptr) {
    const CodedRows& coded = *snapshot_.coded->rows;
    for (const auto name : names) coded.prefetch_row_of(name);
    for (auto& row : rows_) row = coded.row_of(row);
  }
  vectors_.clear();
  for (const auto row : rows_) vectors_.push_back(snapshot_.vector(row));
}

void BatchSearch::score_exactly(const float* query) {
  const auto ask_for = [&](std::size_t i) {
    if (i < vectors_.size()) prefetch(vectors_[i], snapshot_.dimension);
  };
  scores_.resize(vectors_.size());
  for (std::size_t i = 0; i < kPrefetchAhead; ++i) ask_for(i);
  for (std::size_t first = 0; first < vectors_.size(); first += kScoredTogether) {
    const auto count = std::min(kScoredTogether, vectors_.size() - first);
    for (std::size_t i = 0; i < count; ++i) ask_for(first + i + kPrefetchAhead);
    kernels_.dot_exact_rows(vectors_.data() + first, count, static_cast<int>(snapshot_.dimension), query,
                            scores_.data() + first);
  }
}

bool BatchSearch::is_selective(std::size_t q) {
  const auto& allow = queries_[q].allow;
  if (!allow) return false;
  if (counted_bitmap_ != allow->data()) {
    const auto words = allow->first(words_for(snapshot_.rows));
    counted_bitmap_ = allow->data();
    counted_rows_ = std::transform_reduce(words.begin(), words.end(), std::int64_t{0}, std::plus<>(),
                                          [](std::uint64_t word) { return std::popcount(word); });
  }
  const auto queries = static_cast<double>(queries_.size());
  const double gathering = static_cast<double>(counted_rows_) * (kFetchCost / queries + kScoreCost);
  const double scanning = static_cast<double>(snapshot_.rows) * std::max(kLeastScanCost, kLoneScanCost / queries);
  return gathering < scanning;
}

void BatchSearch::scan_codes(std::span<const std::size_t> wanted, int threads) {
  const int parts = parts_for(wanted.size(), kCodedWorkPerThread, threads);
  start_parts(parts, wanted);
  CodedScan scan(snapshot_, kernels_, queries_, wanted);
  run_parts(parts, [&](int part) { scan.run(found_[static_cast<std::size_t>(part)]); });
  scanned_ += scan.scanned();
  const auto given_up = scan.given_up();
  if (!given_up.empty()) scan_blocks(given_up, threads);
}

// Each part takes a stretch of blocks, for all queries while a block is in cache.
void BatchSearch::scan_blocks(std::span<const std::size_t> wanted, int threads) {
  const auto blocks = snapshot_.blocks.size();
  const auto parts = static_cast<std::size_t>(parts_for(wanted.size(), kFloatWorkPerThread, threads));
  start_parts(static_cast<int>(parts), wanted);
  const ScoreBound bound(snapshot_.dimension);
  run_parts(static_cast<int>(parts), [&](int number) {
    const auto part = static_cast<std::size_t>(number);
    for (auto block = blocks * part / parts; block < blocks * (part + 1) / parts; ++block) {
      for (const auto q : wanted) scan_block(snapshot_, block, queries_[q], bound, kernels_, found_[part][q]);
    }
  });
}

int BatchSearch::parts_for(std::size_t queries, std::int64_t work_per_thread, int threads) const {
  const auto work = snapshot_.rows * snapshot_.dimension * static_cast<std::int64_t>(queries);
  const auto blocks = static_cast<std::int64_t>(snapshot_.blocks.size());
  const auto useful = std::max<std::int64_t>(1, std::min(work / work_per_thread, blocks));
  return static_cast<int>(std::min<std::int64_t>(threads, useful));
}

void BatchSearch::start_parts(int parts, std::span<const std::size_t> wanted) {
  while (static_cast<int>(found_.size()) < parts) {
    auto& found = found_.emplace_back();
    found.reserve(queries_.size());
    for (const auto& query : queries_) found.emplace_back(static_cast<std::size_t>(query.k), kernels_);
  }
  for (auto& found : found_) {
    for (const auto q : wanted) {
      found[q] = Survivors(static_cast<std::size_t>(queries_[q].k), kernels_);
      found[q].raise(queries_[q].at_least);
    }
  }
}

}  // namespace recstream
