#pragma once

#include <atomic>
#include <cstdint>
#include <span>
#include <vector>

#include "index/coded_part.h"
#include "index/coded_query.h"
#include "index/eligible_slots.h"
#include "index/index_snapshot.h"
#include "index/prepared_query.h"
#include "index/query_tile.h"
#include "index/survivors.h"
#include "kernels/kernels.h"

namespace recstream {

/// A pass of some queries over the coded part of a snapshot, and over the rows that changed since it was coded.
///
/// Rows come by falling norm, a run that fits into the first-level cache at a time; a query leaves when its threshold
/// is above what the rows left could reach. Threads take runs in turn and share thresholds.
class CodedScan {
 public:
  /// Views all arguments. `wanted` are the indices of the queries to scan for; the snapshot must have a coded part.
  CodedScan(const IndexSnapshot& snapshot, const kernels::Table& kernels, std::span<const PreparedQuery> queries,
            std::span<const std::size_t> wanted);

  /// Scans until nothing is left, into found[q] for query q, under names of CodedRows::row_of(). Safe to call from
  /// several threads, each with its own `found`. At worst O(rows * dimension) for a query.
  void run(std::span<Survivors> found);

  /// Rows whose codes were read, counted for each query, once all runs have returned.
  std::int64_t scanned() const { return scanned_; }

  /// Queries for which the codes keep so many rows that another scan is better, once all runs have returned; what was
  /// found for them is of no use.
  std::vector<std::size_t> given_up() const;

 private:
  struct Shared {
    std::atomic<float> threshold;
    std::atomic<bool> given_up{false};
  };

  void scan_changed(std::span<Survivors> found);
  std::vector<QueryTile> tiles_of(std::span<const std::size_t> active) const;
  /// The first group of a run that nobody else scans.
  std::int64_t take_run();
  void prefetch_share(std::int64_t first, std::size_t tile, std::size_t tiles) const;
  void scan_tile(QueryTile& tile, const CodedRun& run, const EligibleSlots& eligible, kernels::CodeMatches& matches,
                 std::span<Survivors> found) const;
  void add_matches(std::size_t w, std::int64_t group, std::uint64_t matched, const std::int32_t* scores,
                   Survivors& survivors) const;
  bool is_done(std::size_t w, double norm_left, const Survivors& survivors) const;
  void exchange(std::size_t w, Survivors& survivors);
  std::size_t most_kept(std::size_t w) const;

  const IndexSnapshot& snapshot_;
  const CodedPart& part_;
  const CodedRows& rows_;
  const kernels::Table& kernels_;
  const std::span<const PreparedQuery> queries_;
  const std::span<const std::size_t> wanted_;
  const std::int64_t run_groups_;
  std::vector<CodedQuery> coded_;
  std::vector<Shared> shared_;
  std::atomic<std::int64_t> next_run_{0};
  std::atomic<bool> changed_taken_{false};
  std::atomic<std::int64_t> scanned_{0};
};

}  // namespace recstream
