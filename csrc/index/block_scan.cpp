#include "index/block_scan.h"

#include <algorithm>
#include <bit>

#include "bitmap.h"

namespace recstream {
namespace {

constexpr std::int64_t kGroup = kernels::kGroupRows;
// Up to this many rows of a group are scored one by one, sooner than all of them in float32.
constexpr int kFewRows = 16;

/// The eligible rows of one block, a word at a time, in rising order.
class EligibleWords {
 public:
  EligibleWords(const Block& block, std::int64_t first_row, const PreparedQuery& query)
      : block_(block), first_row_(first_row), query_(query) {
    next_excluded_ = std::lower_bound(query.exclude.begin(), query.exclude.end(), first_row);
  }

  std::uint64_t word(std::int64_t group) {
    std::uint64_t bits = block_.live[static_cast<std::size_t>(group)];
    const std::int64_t first = first_row_ + group * kGroup;
    if (query_.allow) bits &= (*query_.allow)[word_of(first)];
    for (; next_excluded_ != query_.exclude.end() && *next_excluded_ < first + kGroup; ++next_excluded_) {
      bits &= ~mask_of(*next_excluded_);
    }
    return bits;
  }

 private:
  const Block& block_;
  const std::int64_t first_row_;
  const PreparedQuery& query_;
  std::vector<std::int64_t>::const_iterator next_excluded_;
};

/// Scores of a group in float32, with the error that they may have.
class ApproximateScorer {
 public:
  ApproximateScorer(const kernels::Table& kernels, const PreparedQuery& query, std::int64_t dimension, double error)
      : kernels_(kernels), query_(query), dimension_(static_cast<int>(dimension)), error_(error) {}

  void add_group(const float* vectors, int count, std::int64_t first, std::uint64_t eligible, Survivors& survivors) {
    float scores[kGroup];
    kernels_.dot_rows(vectors, count, dimension_, query_.vector, scores);
    std::uint64_t passed =
        kernels_.at_least(scores, count, round_down(static_cast<double>(survivors.threshold()) - error_)) & eligible;
    for (; passed != 0; passed &= passed - 1) {
      const int slot = std::countr_zero(passed);
      const double score = scores[slot];
      survivors.add(score - error_, score + error_, first + slot);
    }
  }

 private:
  const kernels::Table& kernels_;
  const PreparedQuery& query_;
  const int dimension_;
  const double error_;
};

/// The same in float64, for few rows of a group, or vectors so long that float32 could overflow. Rows are gathered
/// first, so that memory brings many of them at once.
class ExactScorer {
 public:
  ExactScorer(const kernels::Table& kernels, const PreparedQuery& query, std::int64_t dimension, Survivors& survivors)
      : kernels_(kernels), query_(query), dimension_(static_cast<int>(dimension)), survivors_(survivors) {}

  void add(const float* vector, std::int64_t row) {
    for (int j = 0; j < std::min(dimension_, kAskedFloats); j += kLineFloats) __builtin_prefetch(vector + j);
    vectors_[size_] = vector;
    rows_[size_] = row;
    if (++size_ == kTogether) finish();
  }

  void finish() {
    double scores[kTogether];
    kernels_.dot_exact_rows(vectors_, size_, dimension_, query_.vector, scores);
    for (std::size_t i = 0; i < size_; ++i) {
      if (scores[i] >= static_cast<double>(survivors_.threshold())) survivors_.add(scores[i], scores[i], rows_[i]);
    }
    size_ = 0;
  }

 private:
  static constexpr std::size_t kTogether = 32;
  static constexpr int kLineFloats = 16;
  // The start of a vector; the processor goes on by itself.
  static constexpr int kAskedFloats = 64;

  const kernels::Table& kernels_;
  const PreparedQuery& query_;
  const int dimension_;
  Survivors& survivors_;
  std::size_t size_ = 0;
  const float* vectors_[kTogether];
  std::int64_t rows_[kTogether];
};

}  // namespace

void scan_block(const IndexSnapshot& snapshot, std::size_t block_number, const PreparedQuery& query,
                const ScoreBound& bound, const kernels::Table& kernels, Survivors& survivors) {
  const Block& block = *snapshot.blocks[block_number];
  const std::int64_t first_row = static_cast<std::int64_t>(block_number) * kBlockRows;
  const double norm_product = query.norm * block.max_norm;
  const bool approximate = ScoreBound::fits_float32(norm_product);
  ApproximateScorer scorer(kernels, query, snapshot.dimension, bound.error(norm_product));
  ExactScorer exact(kernels, query, snapshot.dimension, survivors);
  EligibleWords words(block, first_row, query);
  for (std::int64_t slot = 0; slot < block.count; slot += kGroup) {
    const std::uint64_t eligible = words.word(slot / kGroup);
    if (eligible == 0) continue;
    const float* vectors = block.storage->vectors + slot * snapshot.dimension;
    if (approximate && std::popcount(eligible) > kFewRows) {
      const auto count = static_cast<int>(std::min<std::int64_t>(kGroup, block.count - slot));
      scorer.add_group(vectors, count, first_row + slot, eligible, survivors);
      continue;
    }
    for (auto left = eligible; left != 0; left &= left - 1) {
      const auto place = slot + std::countr_zero(left);
      exact.add(block.storage->vectors + place * snapshot.dimension, first_row + place);
    }
  }
  exact.finish();
}

}  // namespace recstream
