#include "coded_scan.h"

#include <algorithm>
#include <bit>
#include <limits>

#include "bitmap.h"
#include "code_bound.h"

namespace recstream {
namespace {

constexpr std::int64_t kGroup = kernels::kGroupRows;
// Two thirds of the 48 KiB that the first-level cache has on current machines.
constexpr std::int64_t kChunkBytes = 32 * 1024;
// Twice the largest inner product of codes, 2048 * 127^2: a cutoff beyond it means all or nothing.
constexpr double kLargestCutoff = 0x1p26;
// Beyond this share of the rows the float32 scan is the cheaper one; below this number rescoring costs little.
constexpr std::size_t kMostKeptShare = 8;
constexpr std::size_t kAlwaysKept = 1024;

// A bitmap is in the order of rows, and to translate it for a group takes as long as two queries take to scan it.
constexpr std::size_t kQueriesWorthTranslating = 8;

std::optional<std::span<const std::uint64_t>> common_bitmap(std::span<const PreparedQuery> queries,
                                                            std::span<const std::size_t> wanted) {
  const auto& first = queries[wanted.front()].allow;
  if (wanted.size() < kQueriesWorthTranslating || !first) return std::nullopt;
  const bool common = std::all_of(wanted.begin(), wanted.end(), [&](std::size_t q) {
    return queries[q].allow && queries[q].allow->data() == first->data();
  });
  return common ? first : std::nullopt;
}

double error_of(const CodedQuery& query, const CodedGroup& group) {
  return CodeBound::kSlack * (query.error * group.norm + query.length * group.residual);
}

/// What the cutoffs of a tile are made from; in arrays, so that compilers compute them together.
struct TileCutoffs {
  double threshold[kernels::kTileQueries];
  double error[kernels::kTileQueries];
  double length[kernels::kTileQueries];
  double steps[kernels::kTileQueries];

  void set(const CodedGroup& group, std::int32_t* cutoffs) const {
    const double norm = CodeBound::kSlack * group.norm;
    const double residual = CodeBound::kSlack * group.residual;
    const double group_steps = 1 / group.scale;
    for (int i = 0; i < kernels::kTileQueries; ++i) {
      const double end = threshold[i] - (error[i] * norm + length[i] * residual);
      double least = end * (steps[i] * group_steps);
      least = least < kLargestCutoff ? least : kLargestCutoff;
      least = least > -kLargestCutoff ? least : -kLargestCutoff;
      // One less than truncation is never above the value.
      cutoffs[i] = static_cast<std::int32_t>(least) - 1;
    }
  }
};

}  // namespace

CodedScan::CodedScan(const IndexSnapshot& snapshot, const kernels::Table& kernels,
                     std::span<const PreparedQuery> queries, std::span<const std::size_t> wanted)
    : snapshot_(snapshot),
      part_(*snapshot.coded),
      rows_(*part_.rows),
      kernels_(kernels),
      queries_(queries),
      wanted_(wanted),
      chunk_groups_(std::max<std::int64_t>(1, kChunkBytes / rows_.group_bytes())),
      shared_allow_(common_bitmap(queries, wanted)),
      shared_(wanted.size()) {
  coded_.reserve(wanted.size());
  for (const auto q : wanted) coded_.emplace_back(queries[q].vector, queries[q].norm, rows_);
  for (auto& shared : shared_) shared.threshold = -std::numeric_limits<float>::infinity();
}

void CodedScan::run(std::span<Survivors> found) {
  if (!changed_taken_.exchange(true)) scan_changed(found);
  const auto groups = static_cast<std::int64_t>(rows_.groups.size());
  std::vector<std::size_t> active(wanted_.size());
  for (std::size_t w = 0; w < active.size(); ++w) active[w] = w;
  std::vector<std::uint64_t> eligible;
  for (;;) {
    const auto first = next_chunk_.fetch_add(1, std::memory_order_relaxed) * chunk_groups_;
    if (first >= groups) return;
    const double norm_left = rows_.groups[static_cast<std::size_t>(first)].norm;
    std::erase_if(active, [&](std::size_t w) { return is_done(w, norm_left, found[wanted_[w]]); });
    if (active.empty()) return;
    eligible.clear();
    for (auto group = first; group < std::min(groups, first + chunk_groups_); ++group) {
      eligible.push_back(shared_eligible(group));
    }
    for (std::size_t t = 0; t < active.size(); t += kernels::kTileQueries) {
      const auto size = std::min<std::size_t>(kernels::kTileQueries, active.size() - t);
      scan_tile(std::span(active).subspan(t, size), first, eligible, found);
    }
    for (const auto w : active) exchange(w, found[wanted_[w]]);
  }
}

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

// Slots of a group that exist and that the bitmap of all queries lets pass.
std::uint64_t CodedScan::shared_eligible(std::int64_t group) const {
  const auto first = static_cast<std::size_t>(group * kGroup);
  const auto rows = std::span(rows_.rows).subspan(first, std::min<std::size_t>(kGroup, rows_.rows.size() - first));
  if (!shared_allow_) return ~std::uint64_t{0} >> (static_cast<std::size_t>(kGroup) - rows.size());
  std::uint64_t eligible = 0;
  for (std::size_t slot = 0; slot < rows.size(); ++slot) {
    eligible |= static_cast<std::uint64_t>(has_bit(*shared_allow_, rows[slot])) << slot;
  }
  return eligible;
}

void CodedScan::scan_tile(std::span<const std::size_t> tile_queries, std::int64_t first,
                          std::span<const std::uint64_t> eligible, std::span<Survivors> found) const {
  kernels::CodeTile tile;
  kernels::CodeMatches matches;
  TileCutoffs cutoffs{};
  tile.queries = static_cast<int>(tile_queries.size());
  for (std::size_t i = 0; i < tile_queries.size(); ++i) {
    const CodedQuery& query = coded_[tile_queries[i]];
    tile.codes[i] = query.codes.data();
    tile.bias[i] = query.bias;
    cutoffs.threshold[i] = static_cast<double>(found[wanted_[tile_queries[i]]].threshold());
    cutoffs.error[i] = query.error;
    cutoffs.length[i] = query.length;
    cutoffs.steps[i] = query.steps;
  }
  for (std::size_t g = 0; g < eligible.size(); ++g) {
    if (eligible[g] == 0) continue;
    const auto group = first + static_cast<std::int64_t>(g);
    cutoffs.set(rows_.groups[static_cast<std::size_t>(group)], tile.cutoff);
    kernels_.match_codes(rows_.group_codes(group), rows_.quads, tile, matches);
    for (std::size_t i = 0; i < tile_queries.size(); ++i) {
      const std::uint64_t matched = matches.matched[i] & eligible[g];
      if (matched == 0) continue;
      Survivors& survivors = found[wanted_[tile_queries[i]]];
      add_matches(tile_queries[i], group, matched, matches.scores[i], survivors);
      cutoffs.threshold[i] = static_cast<double>(survivors.threshold());
    }
  }
}

void CodedScan::add_matches(std::size_t w, std::int64_t group, std::uint64_t matched, const std::int32_t* scores,
                            Survivors& survivors) const {
  const PreparedQuery& query = queries_[wanted_[w]];
  const CodedGroup& header = rows_.groups[static_cast<std::size_t>(group)];
  const double scale = coded_[w].scale * header.scale;
  const double error = error_of(coded_[w], header);
  const bool is_eligible_anyway =
      part_.stale == 0 && query.exclude.empty() && (shared_allow_.has_value() || !query.allow.has_value());
  const auto first = group * kGroup;
  for (; matched != 0; matched &= matched - 1) {
    const int slot = std::countr_zero(matched);
    const auto name = CodedRows::name_of_slot(first + slot);
    if (!is_eligible_anyway && !is_eligible(rows_.row_of(name), query)) continue;
    const double score = scale * scores[slot];
    survivors.add(score - error, score + error, name);
  }
}

bool CodedScan::is_eligible(std::int64_t row, const PreparedQuery& query) const {
  return has_bit(part_.current, row) && query.allows(row);
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
