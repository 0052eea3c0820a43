#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "recstream/sparse_view.h"

namespace recstream {

/// Scores items for a history by what is like it, instead of by a vector.
///
/// Immutable and safe to use from many threads. Sums are float64, in the order of the history and then of the columns,
/// so the same input gives the same bits. All matrices are borrowed.
class NeighbourScorer {
 public:
  virtual ~NeighbourScorer() = default;
  NeighbourScorer(const NeighbourScorer&) = delete;
  NeighbourScorer& operator=(const NeighbourScorer&) = delete;

  virtual std::int64_t item_count() const = 0;

  /// Score of each item for a history of distinct items, one weight each; 0 for an item that nothing speaks for or
  /// against. Rows must be in range and weights finite.
  virtual std::vector<double> scores(std::span<const std::int64_t> rows, std::span<const float> weights) const = 0;

  /// How like each item is to a row, 0 for one that has nothing to do with it and for the row itself.
  virtual std::vector<double> similarities(std::int64_t row) const = 0;

 protected:
  NeighbourScorer() = default;
};

/// score(i) = sum over the history of w(h) * similarity(h, i): row h of `similarity`, N by N, is what having h says of
/// the other items. O(history * row) a score. Throws std::invalid_argument for another shape or what `require_sparse`
/// refuses.
std::unique_ptr<NeighbourScorer> make_item_neighbours(const SparseView& similarity);

struct UserNeighbourOptions {
  /// How many users vote; at least 1.
  std::int64_t neighbours;
  /// Common items at which a similarity counts half of what it counts with many; 0 leaves it alone.
  double shrinkage;
};

/// score(i) = sum over the users v most similar to the history of s(v) * votes(v, i), where
/// s(v) = sum of w(h) * profiles(v, h) * n / (n + shrinkage) and n counts the common items. Users count with s(v) > 0,
/// ties by lower row. Both matrices are U by N. Makes an index of `profiles` by item: 8 bytes an entry. A score takes
/// O(entries of the history's items + U + votes of the neighbours). An item is like another by the cosine of their
/// columns of `profiles`.
/// Throws std::invalid_argument for shapes that differ, options out of range, or what `require_sparse` refuses.
std::unique_ptr<NeighbourScorer> make_user_neighbours(const SparseView& profiles, const SparseView& votes,
                                                      std::int64_t item_count, const UserNeighbourOptions& options);

/// Throws std::invalid_argument, naming the entry, unless there is a finite weight for each row and each row is in
/// range.
void require_history(const NeighbourScorer& scorer, std::span<const std::int64_t> rows, std::span<const float> weights);

}  // namespace recstream
