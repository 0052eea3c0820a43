#include "index/coded_scan.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <numeric>
#include <utility>

#include "bitmap.h"
#include "index/code_bound.h"

namespace recstream {
namespace {

constexpr std::int64_t kGroup = kernels::kGroupRows;
constexpr std::size_t kCacheLine = 64;
// A run and the one behind it fit into the 48 KiB that the first-level cache has on current machines.
constexpr std::int64_t kRunBytes = 16 * 1024;
// Beyond this share of the rows the float32 scan is the cheaper one; below this number rescoring costs little.
constexpr std::size_t kMostKeptShare = 8;
constexpr std::size_t kAlwaysKept = 1024;

std::size_t tiles_for(std::size_t queries) { return (queries + kernels::kTileQueries - 1) / kernels::kTileQueries; }

double error_of(const CodedQuery& query, const CodedGroup& group) {
  return CodeBound::kSlack * (query.error * group.norm + query.length * group.residual);
}

}  // namespace

CodedScan::CodedScan(const IndexSnapshot& snapshot, const kernels::Table& kernels,
                     std::span<const PreparedQuery> queries, std::span<const std::size_t> wanted)
    : snapshot_(snapshot),
      part_(*snapshot.coded),
      rows_(*part_.rows),
      kernels_(kernels),
      queries_(queries),
      wanted_(wanted),
      run_groups_(std::clamp<std::int64_t>(kRunBytes / rows_.group_bytes(), 1, kernels::kRunGroups)),
      shared_(wanted.size()) {
  coded_.reserve(wanted.size());
  for (const auto q : wanted) coded_.emplace_back(queries[q].vector, queries[q].norm, rows_);
  for (auto& shared : shared_) shared.threshold = -std::numeric_limits<float>::infinity();
}

void CodedScan::run(std::span<Survivors> found) {
  if (!changed_taken_.exchange(true)) scan_changed(found);
  const auto groups = static_cast<std::int64_t>(rows_.groups.size());
  std::vector<std::size_t> active(wanted_.size());
  std::iota(active.begin(), active.end(), 0);
  auto tiles = tiles_of(active);
  EligibleSlots eligible(part_, kernels_, queries_, wanted_);
  kernels::CodeMatches matches;
  std::int64_t scanned = 0;
  auto next = take_run();
  while (next < groups) {
    const auto first = next;
    next = take_run();
    const CodedRun run(rows_, first, static_cast<int>(std::min(run_groups_, groups - first)));
    std::erase_if(active, [&](std::size_t w) { return is_done(w, run.norm, found[wanted_[w]]); });
    if (active.empty()) break;
    // Until a quarter of the tiles can be spared, who is done stays in a tile, and matches nothing any more.
    if (4 * tiles_for(active.size()) <= 3 * tiles.size()) tiles = tiles_of(active);
    eligible.begin_run(run.first, run.groups);
    eligible.prefetch_rows(next, run_groups_);
    for (std::size_t t = 0; t < tiles.size(); ++t) {
      prefetch_share(next, t, tiles.size());
      scan_tile(tiles[t], run, eligible, matches, found);
    }
    for (const auto w : active) exchange(w, found[wanted_[w]]);
    const auto slots = std::min(run.groups * kGroup, static_cast<std::int64_t>(rows_.rows.size()) - run.first * kGroup);
    scanned += slots * static_cast<std::int64_t>(active.size());
  }
  scanned_ += scanned;
}

// Before the one at hand is scanned, so that what is prefetched is not for another thread.
std::int64_t CodedScan::take_run() { return next_run_.fetch_add(1, std::memory_order_relaxed) * run_groups_; }

std::vector<std::size_t> CodedScan::given_up() const {
  std::vector<std::size_t> queries;
  for (std::size_t w = 0; w < wanted_.size(); ++w) {
    if (shared_[w].given_up) queries.push_back(wanted_[w]);
  }
  return queries;
}

void CodedScan::scan_changed(std::span<Survivors> found) {
  for (const auto row : part_.changed) {
    if (!snapshot_.is_live(row)) continue;
    const float* vector = snapshot_.vector(row);
    for (const auto q : wanted_) {
      if (!queries_[q].allows(row)) continue;
      const double score = kernels_.dot_exact(vector, queries_[q].vector, static_cast<int>(snapshot_.dimension));
      if (score >= static_cast<double>(found[q].threshold())) found[q].add(score, score, row);
    }
  }
}

std::vector<QueryTile> CodedScan::tiles_of(std::span<const std::size_t> active) const {
  std::vector<QueryTile> tiles;
  tiles.reserve(tiles_for(active.size()));
  for (std::size_t first = 0; first < active.size(); first += kernels::kTileQueries) {
    const auto size = std::min<std::size_t>(kernels::kTileQueries, active.size() - first);
    tiles.emplace_back(coded_, active.subspan(first, size));
  }
  return tiles;
}

// Each tile asks for its share of the codes of the next run, so that memory works while the tiles compute. Without it
// the first tile would wait for all of them: 1.3 times as long for 32 queries.
void CodedScan::prefetch_share(std::int64_t first, std::size_t tile, std::size_t tiles) const {
  const auto bytes = static_cast<std::size_t>(run_groups_ * rows_.group_bytes());
  const std::uint8_t* codes = rows_.group_codes(first);
  for (auto place = bytes * tile / tiles; place < bytes * (tile + 1) / tiles; place += kCacheLine) {
    __builtin_prefetch(codes + place);
  }
}

void CodedScan::scan_tile(QueryTile& tile, const CodedRun& run, const EligibleSlots& eligible,
                          kernels::CodeMatches& matches, std::span<Survivors> found) const {
  double thresholds[kernels::kTileQueries];
  const auto members = tile.members();
  for (std::size_t i = 0; i < members.size(); ++i) {
    thresholds[i] = static_cast<double>(found[wanted_[members[i]]].threshold());
  }
  tile.match(run, std::span(thresholds).first(members.size()), eligible, kernels_, matches);
  for (std::size_t i = 0; i < members.size(); ++i) {
    if (!eligible.looks_up(members[i])) continue;
    for (int g = 0; g < run.groups; ++g) eligible.prefetch(members[i], g, matches.matched[i][g]);
  }
  for (int g = 0; g < run.groups; ++g) {
    for (std::size_t i = 0; i < members.size(); ++i) {
      if (matches.matched[i][g] == 0) continue;
      const auto matched = eligible.among(members[i], g, matches.matched[i][g]);
      if (matched == 0) continue;
      add_matches(members[i], run.first + g, matched, matches.scores[i][g], found[wanted_[members[i]]]);
    }
  }
}

void CodedScan::add_matches(std::size_t w, std::int64_t group, std::uint64_t matched, const std::int32_t* scores,
                            Survivors& survivors) const {
  const CodedQuery& coded = coded_[w];
  const CodedGroup& header = rows_.groups[static_cast<std::size_t>(group)];
  const auto first = group * kGroup;
  const double scale = coded.scale * header.scale;
  const double error = error_of(coded, header);
  const double largest = coded.norm * header.norm;
  if (CodeBound::suits_float32(largest)) {
    survivors.add({.scores = scores,
                   .matched = matched,
                   .scale = static_cast<float>(scale),
                   .error = CodeBound::error_in_float32(error, largest),
                   .first_name = CodedRows::name_of_slot(first)});
    return;
  }
  for (; matched != 0; matched &= matched - 1) {
    const int slot = std::countr_zero(matched);
    const double score = scale * scores[slot];
    survivors.add(score - error, score + error, CodedRows::name_of_slot(first + slot));
  }
}

bool CodedScan::is_done(std::size_t w, double norm_left, const Survivors& survivors) const {
  return static_cast<double>(survivors.threshold()) > CodeBound::largest_score(queries_[wanted_[w]].norm, norm_left) ||
         shared_[w].given_up.load(std::memory_order_relaxed);
}

void CodedScan::exchange(std::size_t w, Survivors& survivors) {
  auto& best = shared_[w].threshold;
  float known = best.load(std::memory_order_relaxed);
  while (known < survivors.threshold() && !best.compare_exchange_weak(known, survivors.threshold())) {
  }
  survivors.raise(known);
  if (survivors.size() > most_kept(w)) shared_[w].given_up = true;
}

std::size_t CodedScan::most_kept(std::size_t w) const {
  const auto k = static_cast<std::size_t>(queries_[wanted_[w]].k);
  return 4 * k + std::max(kAlwaysKept, rows_.rows.size() / kMostKeptShare);
}

}  // namespace recstream
