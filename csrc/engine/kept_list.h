#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "recstream/exact_index.h"
#include "row_set.h"

namespace recstream {

/// The best rows of a universe for one vector, and what no other row of the universe can reach for another vector.
///
/// Let the list have been made for u, and let s_p be the score of its row p, best first. For another vector v, a row x
/// at position p or later, or outside the list, has
///
///     <v, x> = <u, x> + <v - u, x>  <=  s_p + |v - u| X,        X >= |x| for every row.
///
/// So once k eligible rows before position p are known to score strictly more than that for v, they are the k best of
/// all eligible rows of the universe: no other can reach the k-th, not even by a tie. Rounding is paid for in reach().
/// Immutable, but for a tally of its use; safe to use from many threads.
class KeptList {
 public:
  /// The exact scores of some rows for the vector that is asked about.
  using Scorer = std::function<std::vector<ScoredRow>(std::span<const std::int64_t> rows)>;

  /// `best` are the first rows of the universe's ranking for `vector`, in order, with scores that may be rounded to the
  /// nearest float; `is_whole` when there are no others. `largest_norm` is X, to within a relative error of 2^-41.
  /// `predecessor` is the list that this one replaces, if any.
  KeptList(std::span<const float> vector, const std::vector<ScoredRow>& best, bool is_whole, double largest_norm,
           const KeptList* predecessor);

  struct Outcome {
    /// Of the eligible rows looked at, in order; the k best of all when `is_certain`, otherwise those of the list.
    std::vector<ScoredRow> best;
    bool is_certain;
    /// How many rows were looked at, and the least of their scores; all eligible ones of the list unless `is_certain`.
    std::int64_t looked_at;
    double least_score;
  };

  /// The k best rows for `vector` among those that are both eligible and in the universe, as far as the list tells.
  Outcome answer(std::span<const float> vector, const RowSet& eligible, std::int64_t k, const Scorer& score) const;

  /// Asked once for each answer that was not certain: whether to make a new list now. Always after a list that had been
  /// of use. Where the vector moves so far from query to query that lists are of no use, each one makes the wait for
  /// the next longer.
  bool gives_way() const;

  std::int64_t bytes() const;

 private:
  int failed_in_a_row() const;
  double spread(std::span<const float> vector) const;
  double reach(std::size_t position, double spread) const;
  std::size_t end_of(std::size_t wanted, const RowSet& eligible) const;
  std::size_t first_below(double score, double spread) const;

  const std::vector<float> vector_;
  /// Scores, rounded up, and rows, by falling score.
  std::vector<float> scores_;
  std::vector<std::int32_t> rows_;
  const bool is_whole_;
  const double norm_;
  const double largest_norm_;
  /// Lists in a row, before this one, that answered nothing.
  const int failed_before_;
  mutable std::atomic<bool> has_answered_{false};
  mutable std::atomic<int> failures_{0};
};

}  // namespace recstream
