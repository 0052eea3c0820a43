#pragma once

#include <atomic>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "engine/kept_lists.h"
#include "engine/user_profile.h"
#include "recstream/engine.h"
#include "recstream/exact_index.h"
#include "row_set.h"

namespace recstream {

/// A query for the top K, and its answer. Views memory of the caller.
struct VectorQuery {
  std::span<const float> vector;
  const UserProfile* profile;
  const RowSet* eligible;
  const RecommendRequest* request;
  /// The best eligible rows for the vector, in order, as many as the request wants.
  std::vector<ScoredRow> best = {};
};

/// The top K for vectors: from the list kept of a user where that is provably enough, otherwise by a scan. The answers
/// are the same either way. Views the index, whose rows must never change. Safe to use from many threads at once; no
/// lock is held during a scan.
class VectorSearch {
 public:
  VectorSearch(const ExactIndex& index, std::int64_t rows, const EngineOptions& options);

  /// Finds the best for each of the queries; those that need a scan share it. Leaves lists for the next queries of
  /// their owners where that pays. What it throws, lack of memory for one of them above all, leaves all without an
  /// answer.
  void answer(KeptLists& lists, std::span<VectorQuery> queries) const;

  /// Queries that a list was looked for, and those that one answered.
  std::int64_t list_queries() const { return list_queries_; }
  std::int64_t list_answers() const { return list_answers_; }

 private:
  /// A query, and the scan that it needs next.
  struct Search {
    VectorQuery* query;
    /// How many rows the scan is to find, and what as many are known to score at least.
    std::int64_t length;
    float at_least = -std::numeric_limits<float>::infinity();
    /// What a list to be kept is of; none for the rows of the query.
    std::optional<RowSet> universe = std::nullopt;
    std::shared_ptr<const KeptList> predecessor = nullptr;
    RowFilter filter = {};
    std::vector<float> scores = {};
    std::vector<std::int64_t> rows = {};
  };

  std::int64_t wanted_rows(const VectorQuery& query) const;
  std::optional<Search> begin(KeptLists& lists, VectorQuery& query) const;
  Search search_for_list(VectorQuery& query, std::int64_t length) const;
  void scan(std::span<Search> searches) const;
  bool is_done(KeptLists& lists, Search& search) const;

  const ExactIndex& index_;
  const std::int64_t rows_;
  const bool keeps_lists_;
  const double largest_norm_;
  mutable std::atomic<std::int64_t> list_queries_{0};
  mutable std::atomic<std::int64_t> list_answers_{0};
};

}  // namespace recstream
