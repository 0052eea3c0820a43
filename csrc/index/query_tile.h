#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "index/coded_query.h"
#include "index/coded_rows.h"
#include "index/eligible_slots.h"
#include "kernels/kernels.h"

namespace recstream {

/// The codes of some groups that lie behind one another, and what their bounds are made from.
struct CodedRun {
  CodedRun(const CodedRows& rows, std::int64_t first, int count);

  std::int64_t first;
  int groups;
  const std::uint8_t* codes;
  /// Of the group with the largest norms, the first one.
  double norm;
  kernels::RunBounds bounds;
};

/// Up to kernels::kTileQueries queries that are matched together, which reads the codes once for all of them.
///
/// Against rows that need a large cosine, quads come by falling share in the queries' lengths. What is left of a query
/// behind a prefix of them is short then, Cauchy-Schwarz bounds what the rest of a row can add, and the prefix alone
/// refuses nearly all. Against other rows all quads count, and come as they lie, which memory is quickest at.
class QueryTile {
 public:
  /// `members` are indices of `queries`; views the latter.
  QueryTile(std::span<const CodedQuery> queries, std::span<const std::size_t> members);

  QueryTile(const QueryTile&) = delete;
  QueryTile& operator=(const QueryTile&) = delete;
  QueryTile(QueryTile&&) = default;
  QueryTile& operator=(QueryTile&&) = default;
  ~QueryTile() = default;

  std::span<const std::size_t> members() const { return members_; }

  /// Matches a run, which `eligible` has been turned to, with a threshold for each member.
  void match(const CodedRun& run, std::span<const double> thresholds, const EligibleSlots& eligible,
             const kernels::Table& kernels, kernels::CodeMatches& matches);

 private:
  /// A prefix of the quads as a query of its own: what is not in it has the code 0.
  struct Prefix {
    int quads;
    double error[kernels::kTileQueries];
    double length[kernels::kTileQueries];
    std::int32_t bias[kernels::kTileQueries];
    /// Threshold, in units of the norms' product, from which on few rows pass.
    double worthwhile[kernels::kTileQueries];
  };

  /// Quads in the order in which they are taken.
  struct Order {
    std::vector<std::int32_t> offsets;
    std::vector<std::int8_t> codes;
  };

  std::vector<std::int32_t> by_falling_share() const;
  Order ordered(std::vector<std::int32_t> offsets) const;
  void measure_prefixes();
  void measure_prefixes_of(std::size_t i);
  void choose_prefix(double norm, std::span<const double> thresholds);

  std::span<const CodedQuery> queries_;
  std::vector<std::size_t> members_;
  Order as_they_lie_;
  Order by_share_;
  /// By rising length.
  std::vector<Prefix> prefixes_;
  const Prefix* prefix_ = nullptr;
  kernels::CodeTile tile_{};
};

}  // namespace recstream
