#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <random>
#include <span>
#include <vector>

#include "recstream/exact_index.h"

namespace recstream::stress {

/// What an index holds at one moment, as plain arrays.
struct Moment {
  std::int64_t number = 0;
  std::int64_t dimension = 0;
  std::vector<float> vectors;
  std::vector<bool> alive;

  std::int64_t rows() const { return static_cast<std::int64_t>(alive.size()); }

  /// The oracle: scores every row that may be returned, and sorts.
  std::vector<ScoredRow> best(const float* query, std::int64_t k, const RowFilter& filter) const;
};

/// Whole numbers from -4 to 4: their scores are exact in any order of additions, with many ties.
std::vector<float> whole_numbers(std::mt19937& random, std::int64_t count);

/// An index and the moments that it went through, for as long as a search may answer with one of them.
class Catalogue {
 public:
  Catalogue(std::int64_t rows, std::int64_t dimension, unsigned seed);

  const ExactIndex& index() const { return index_; }
  std::int64_t dimension() const { return dimension_; }

  /// One write, of rows old and new or of deletions. Safe to call from several threads.
  void write(std::mt19937& random);

  /// Moments from that of the last finished write up to now.
  std::int64_t oldest_visible() const { return finished_; }
  std::vector<std::shared_ptr<const Moment>> since(std::int64_t number) const;

 private:
  std::shared_ptr<const Moment> latest() const;
  void upsert(Moment next, std::mt19937& random);
  void erase(Moment next, std::mt19937& random);
  void begin(Moment next);

  const std::int64_t dimension_;
  const std::vector<float> given_;
  ExactIndex index_;
  std::mutex writer_;
  mutable std::mutex history_mutex_;
  std::deque<std::shared_ptr<const Moment>> history_;
  std::atomic<std::int64_t> finished_{0};
};

}  // namespace recstream::stress
