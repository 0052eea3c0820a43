#pragma once

#include <atomic>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "engine/kept_lists.h"
#include "engine/user_profile.h"
#include "recstream/engine.h"
#include "recstream/exact_index.h"
#include "row_set.h"

namespace recstream {

/// The top K for a vector: from the list kept of its user where that is provably enough, otherwise by a scan. The
/// answer is the same either way. Views the index, whose rows must never change. Safe to use from many threads at once;
/// no lock is held during a scan.
class VectorSearch {
 public:
  VectorSearch(const ExactIndex& index, std::int64_t rows, const EngineOptions& options);

  /// The best eligible rows for the profile's vector, in order, as many as the request wants. Leaves a list for the
  /// owner's next query where that pays.
  std::vector<ScoredRow> best(KeptLists& lists, const UserProfile& profile, std::span<const float> vector,
                              const RowSet& eligible, const RecommendRequest& request) const;

  /// Queries that a list was looked for, and those that one answered.
  std::int64_t list_queries() const { return list_queries_; }
  std::int64_t list_answers() const { return list_answers_; }

 private:
  struct NewList {
    std::int64_t length;
    const KeptList* predecessor;
    /// What as many rows of the universe are known to score at least.
    float at_least = -std::numeric_limits<float>::infinity();
  };

  std::vector<ScoredRow> scan(std::span<const float> vector, const RowSet& eligible, std::int64_t k,
                              float at_least) const;
  std::vector<ScoredRow> scan_for_list(KeptLists& lists, const UserProfile& profile, std::span<const float> vector,
                                       const RowSet& eligible, std::int64_t k, const NewList& wanted) const;

  const ExactIndex& index_;
  const std::int64_t rows_;
  const bool keeps_lists_;
  const double largest_norm_;
  mutable std::atomic<std::int64_t> list_queries_{0};
  mutable std::atomic<std::int64_t> list_answers_{0};
};

}  // namespace recstream
