#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "index/coded_part.h"
#include "index/prepared_query.h"
#include "kernels/kernels.h"

namespace recstream {

/// Which slots of a run of groups the queries of a scan may return. Views all arguments. For one thread.
///
/// Bitmaps are in the order of rows, slots in that of norms. When many queries have the same bitmap, its bits are put
/// into the order of slots, a word for each group; otherwise each row that matches is looked up.
class EligibleSlots {
 public:
  /// `wanted` are the indices of the queries of the scan.
  EligibleSlots(const CodedPart& part, const kernels::Table& kernels, std::span<const PreparedQuery> queries,
                std::span<const std::size_t> wanted);

  /// Turns to a run, which the functions below are about until the next call.
  void begin_run(std::int64_t first_group, int groups);

  /// Has memory bring the row numbers of another run, if they will be looked at.
  void prefetch_rows(std::int64_t first_group, std::int64_t groups) const;

  /// For each group of the run the slots outside of which query `w` of `wanted` may return none.
  const std::uint64_t* slots(std::size_t w) const { return sets_[checks_[w].set].slots.data(); }

  /// Whether among() has more to say than slots().
  bool looks_up(std::size_t w) const { return checks_[w].looks_up; }

  /// Has memory bring what among() will look up for the matching ones of slots().
  void prefetch(std::size_t w, int g, std::uint64_t matched) const;

  /// Those of the matching ones of slots() that the query may return.
  std::uint64_t among(std::size_t w, int g, std::uint64_t matched) const {
    return checks_[w].looks_up ? passing(checks_[w], g, matched) : matched;
  }

 private:
  struct Check {
    const PreparedQuery* query;
    std::size_t set;
    bool looks_up;
  };

  /// Rows that several queries may return, and their slots in each group of the run.
  struct Set {
    /// None for all rows.
    const std::uint64_t* allow = nullptr;
    bool current_only = false;
    std::array<std::uint64_t, kernels::kRunGroups> slots{};
  };

  std::size_t set_of(const std::uint64_t* allow);
  std::uint64_t passing(const Check& check, int g, std::uint64_t matched) const;
  std::uint64_t slots_in(const Set& set, int g) const;
  /// The rows of a group of the run.
  std::span<const std::uint32_t> rows_of(int g) const;

  const CodedPart& part_;
  const kernels::Table& kernels_;
  std::vector<Check> checks_;
  bool reads_rows_ = false;
  /// The first is of all rows.
  std::vector<Set> sets_;
  std::int64_t first_group_ = 0;
};

}  // namespace recstream
