#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

namespace recstream {

/// A row whose score is known to lie in [lower, upper].
struct Survivor {
  double lower;
  double upper;
  std::int64_t row;
};

/// The rows that may still be among the k best of one query.
///
/// Invariant: a row that was added and is not held any more has an upper end below the threshold, and k rows that were
/// added have a lower end at or above it; so it cannot be among the k best, not even by a tie.
/// Not safe for use from several threads. `add` is O(1) amortised: the buffer is pruned only when it has doubled.
class Survivors {
 public:
  explicit Survivors(std::size_t k);

  /// Rows whose upper end is below this need not be added.
  double threshold() const { return threshold_; }

  void add(const Survivor& survivor) {
    held_.push_back(survivor);
    if (held_.size() >= limit_) prune();
  }

  void add_all(const Survivors& other);

  /// The rows still possible, in no order; valid until the next call.
  std::span<const Survivor> finish();

 private:
  void prune();

  std::size_t k_;
  std::size_t limit_;
  double threshold_ = -std::numeric_limits<double>::infinity();
  std::vector<Survivor> held_;
};

}  // namespace recstream
