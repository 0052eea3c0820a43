#include "kernel_checks.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <string>

namespace recstream::checks {
namespace {

using kernels::kGroupRows;
using kernels::kQuad;
using kernels::kTileQueries;

std::vector<float> random_floats(Random& random, std::size_t count) {
  std::normal_distribution<float> normal;
  std::vector<float> values(count);
  for (auto& value : values) value = normal(random);
  return values;
}

std::string place(const char* kernel, int a, int b) {
  return std::string(kernel) + " at " + std::to_string(a) + " x " + std::to_string(b);
}

void check_dot_rows(const kernels::Table& level, int rows, int dimension, Random& random, Report& report) {
  const auto matrix = random_floats(random, static_cast<std::size_t>(rows * dimension));
  const auto query = random_floats(random, static_cast<std::size_t>(dimension));
  float found[kGroupRows];
  level.dot_rows(matrix.data(), rows, dimension, query.data(), found);
  for (int r = 0; r < rows; ++r) {
    const float* row = matrix.data() + r * dimension;
    double exact = 0;
    double magnitude = 0;
    for (int j = 0; j < dimension; ++j) {
      const double product = static_cast<double>(row[j]) * static_cast<double>(query[static_cast<std::size_t>(j)]);
      exact += product;
      magnitude += std::abs(product);
    }
    const double bound = (dimension + 1) * static_cast<double>(std::numeric_limits<float>::epsilon()) * magnitude;
    report.expect(std::abs(static_cast<double>(found[r]) - exact) <= bound, level, place("dot_rows", rows, dimension));
  }
}

void check_at_least(const kernels::Table& level, int rows, Random& random, Report& report) {
  const auto scores = random_floats(random, static_cast<std::size_t>(rows));
  for (const float cutoff : {scores.front(), scores.back(), 0.0F, -9.0F, 9.0F}) {
    const bool same =
        level.at_least(scores.data(), rows, cutoff) == kernels::kScalar.at_least(scores.data(), rows, cutoff);
    report.expect(same, level, place("at_least", rows, 1));
  }
}

void check_dot_exact(const kernels::Table& level, int dimension, Random& random, Report& report) {
  auto a = random_floats(random, static_cast<std::size_t>(dimension));
  auto b = random_floats(random, static_cast<std::size_t>(dimension));
  // Sums that depend on the order of additions.
  for (int j = 0; j < dimension; j += 3) a[static_cast<std::size_t>(j)] *= 1e12F;
  const double found = level.dot_exact(a.data(), b.data(), dimension);
  const double wanted = kernels::kScalar.dot_exact(a.data(), b.data(), dimension);
  report.expect(std::memcmp(&found, &wanted, sizeof found) == 0, level, place("dot_exact", 1, dimension));
}

void check_dot_exact_rows(const kernels::Table& level, int rows, int dimension, Random& random, Report& report) {
  const auto matrix = random_floats(random, static_cast<std::size_t>(rows * dimension));
  const auto query = random_floats(random, static_cast<std::size_t>(dimension));
  std::vector<const float*> places;
  std::vector<double> wanted;
  for (int r = rows - 1; r >= 0; --r) {
    places.push_back(matrix.data() + r * dimension);
    wanted.push_back(kernels::kScalar.dot_exact(places.back(), query.data(), dimension));
  }
  std::vector<double> found(wanted.size());
  level.dot_exact_rows(places.data(), places.size(), dimension, query.data(), found.data());
  const bool same = std::memcmp(found.data(), wanted.data(), wanted.size() * sizeof(double)) == 0;
  report.expect(same, level, place("dot_exact_rows", rows, dimension));
}

/// Queries in a random order of quads, with cutoffs that about half of the rows reach.
struct Tile {
  kernels::CodeTile view{};
  std::vector<std::int8_t> codes;
  std::vector<std::int32_t> offsets;
  std::array<std::array<std::uint64_t, kernels::kRunGroups>, kTileQueries> eligible{};

  Tile(int queries, int quads, bool extreme, Random& random) {
    std::uniform_int_distribution<int> code(-127, 127);
    std::uniform_int_distribution<int> cutoff(-2000 * quads, 2000 * quads);
    for (int quad = 0; quad < quads; ++quad) offsets.push_back(quad * kernels::kQuadBytes);
    std::shuffle(offsets.begin(), offsets.end(), random);
    codes.resize(static_cast<std::size_t>(quads) * kTileQueries * kQuad);
    for (auto& value : codes) value = static_cast<std::int8_t>(code(random));
    view.queries = queries;
    view.quads = quads;
    view.prefix = quads;
    view.offsets = offsets.data();
    view.codes = codes.data();
    for (int q = 0; q < queries; ++q) {
      for (int quad = 0; quad < quads; ++quad) {
        for (int j = 0; j < kQuad; ++j) {
          auto& value = codes[static_cast<std::size_t>((quad * kTileQueries + q) * kQuad + j)];
          if (extreme) value = static_cast<std::int8_t>(127 - 254 * (q % 2));
          view.bias[q] -= kernels::kCodeOffset * value;
        }
      }
      auto& mine = eligible[static_cast<std::size_t>(q)];
      for (auto& word : mine) word = extreme ? ~std::uint64_t{0} : random() | random();
      view.eligible[q] = mine.data();
      for (auto& least : view.cutoffs[q]) least = extreme ? 127 * 127 * kQuad * quads : cutoff(random);
    }
  }

  /// Has a look after half of the quads, which half of the rows of a group fail.
  void look_early() {
    view.prefix = view.quads / 2;
    for (int q = 0; q < view.queries; ++q) {
      for (int quad = 0; quad < view.prefix; ++quad) {
        for (int j = 0; j < kQuad; ++j) {
          view.prefix_bias[q] -=
              kernels::kCodeOffset * codes[static_cast<std::size_t>((quad * kTileQueries + q) * kQuad + j)];
        }
      }
    }
  }
};

std::vector<std::uint8_t> stored_codes(int quads, bool extreme, Random& random) {
  std::uniform_int_distribution<int> stored(1, 255);
  std::vector<std::uint8_t> run(static_cast<std::size_t>(quads * kernels::kQuadBytes * kernels::kRunGroups));
  for (auto& byte : run) byte = static_cast<std::uint8_t>(extreme ? 255 : stored(random));
  return run;
}

bool same_matches(const kernels::CodeMatches& found, const kernels::CodeMatches& wanted, int q, int g) {
  if (found.matched[q][g] != wanted.matched[q][g]) return false;
  for (int r = 0; r < kGroupRows; ++r) {
    if ((wanted.matched[q][g] >> r & 1U) != 0 && found.scores[q][g][r] != wanted.scores[q][g][r]) return false;
  }
  return true;
}

void check_match_codes(const kernels::Table& level, int queries, int quads, bool extreme, Random& random,
                       Report& report) {
  const auto run = stored_codes(quads, extreme, random);
  const Tile tile(queries, quads, extreme, random);
  for (const int groups : {1, kernels::kRunGroups}) {
    kernels::CodeMatches wanted{};
    kernels::CodeMatches found{};
    kernels::kScalar.match_codes(run.data(), groups, tile.view, wanted);
    level.match_codes(run.data(), groups, tile.view, found);
    for (int q = 0; q < queries; ++q) {
      for (int g = 0; g < groups; ++g) {
        report.expect(same_matches(found, wanted, q, g), level, place("match_codes", queries, quads));
      }
    }
  }
}

// Levels look at other numbers of rows and queries at once, so they may differ in rows below the prefix's cutoff.
void check_prefix(const kernels::Table& level, int queries, int quads, Random& random, Report& report) {
  const auto run = stored_codes(quads, false, random);
  Tile tile(queries, quads, false, random);
  kernels::CodeMatches all{};
  kernels::CodeMatches possible{};
  kernels::CodeMatches found{};
  kernels::kScalar.match_codes(run.data(), 1, tile.view, all);
  tile.look_early();
  auto prefix_only = tile.view;
  prefix_only.quads = prefix_only.prefix;
  for (int q = 0; q < queries; ++q) {
    prefix_only.bias[q] = tile.view.prefix_bias[q];
    tile.view.prefix_cutoffs[q][0] = prefix_only.cutoffs[q][0] = 12000 * tile.view.prefix;
  }
  kernels::kScalar.match_codes(run.data(), 1, prefix_only, possible);
  level.match_codes(run.data(), 1, tile.view, found);
  for (int q = 0; q < queries; ++q) {
    const auto must = all.matched[q][0] & possible.matched[q][0];
    const bool right = (must & ~found.matched[q][0]) == 0 && (found.matched[q][0] & ~all.matched[q][0]) == 0;
    report.expect(right, level, place("prefix", queries, quads));
  }
}

void check_cutoffs(const kernels::Table& level, Random& random, Report& report) {
  kernels::RunBounds run{};
  for (int g = 0; g < kernels::kRunGroups; ++g) {
    run.norm[g] = std::abs(std::normal_distribution<double>()(random));
    run.residual[g] = run.norm[g] / 100;
    run.steps[g] = 1000 / run.norm[g];
  }
  for (const double threshold : {-std::numeric_limits<double>::infinity(), -3.0, 0.0, 0.5, 1e9}) {
    const kernels::QueryBound query{.threshold = threshold, .error = 0.01, .length = 1, .steps = 500};
    std::int32_t wanted[kernels::kRunGroups];
    std::int32_t found[kernels::kRunGroups];
    kernels::kScalar.set_cutoffs(run, query, wanted);
    level.set_cutoffs(run, query, found);
    report.expect(std::memcmp(found, wanted, sizeof wanted) == 0, level, "set_cutoffs");
  }
}

void check_bits_at(const kernels::Table& level, int rows, Random& random, Report& report) {
  constexpr std::uint32_t kBits = 1000;
  std::vector<std::uint64_t> bitmap((kBits + 63) / 64);
  for (auto& word : bitmap) word = random();
  std::uniform_int_distribution<std::uint32_t> row(0, kBits - 1);
  std::vector<std::uint32_t> chosen(static_cast<std::size_t>(rows));
  for (auto& place : chosen) place = row(random);
  chosen.back() = kBits - 1;
  std::uint64_t wanted = 0;
  for (std::size_t i = 0; i < chosen.size(); ++i) {
    wanted |= (bitmap[chosen[i] / 64] >> (chosen[i] % 64) & 1U) << i;
  }
  report.expect(level.bits_at(bitmap.data(), chosen.data(), rows) == wanted, level, place("bits_at", rows, 1));
}

/// Arrays of intervals, with room for one more group.
struct IntervalArrays {
  std::vector<std::int32_t> lowers;
  std::vector<std::int32_t> uppers;
  std::vector<std::int64_t> names;

  explicit IntervalArrays(std::size_t size) : lowers(size), uppers(size), names(size) {}
  kernels::Intervals view() { return {.lowers = lowers.data(), .uppers = uppers.data(), .names = names.data()}; }
  void cut(std::size_t size) {
    lowers.resize(size);
    uppers.resize(size);
    names.resize(size);
  }
  bool operator==(const IntervalArrays&) const = default;
};

void check_intervals(const kernels::Table& level, std::uint64_t matched, std::int32_t least, Random& random,
                     Report& report) {
  std::uniform_int_distribution<std::int32_t> score(-100'000, 100'000);
  std::int32_t scores[kGroupRows];
  for (auto& value : scores) value = score(random);
  const kernels::ScoredGroup group{
      .scores = scores, .matched = matched, .scale = 1e-5F, .error = 0.01F, .first_name = -5'000'000'000};
  IntervalArrays wanted(2 * kGroupRows);
  IntervalArrays found(2 * kGroupRows);
  const auto size = kernels::kScalar.add_intervals(group, least, wanted.view());
  const bool as_many = level.add_intervals(group, least, found.view()) == size;
  wanted.cut(size);
  found.cut(size);
  report.expect(as_many && found == wanted, level, "add_intervals");
}

void check_selection(const kernels::Table& level, std::size_t size, Random& random, Report& report) {
  std::uniform_int_distribution<std::int32_t> end(-50, 50);
  IntervalArrays wanted(size + kGroupRows);
  for (std::size_t i = 0; i < size; ++i) {
    wanted.lowers[i] = end(random);
    wanted.uppers[i] = wanted.lowers[i] + 5;
    wanted.names[i] = static_cast<std::int64_t>(i) - 3;
  }
  const auto label = place("selection", static_cast<int>(size), 1);
  std::vector<std::int32_t> wanted_ranks(size);
  std::vector<std::int32_t> found_ranks(size);
  kernels::kScalar.rank(wanted.lowers.data(), size, wanted_ranks.data());
  level.rank(wanted.lowers.data(), size, found_ranks.data());
  report.expect(found_ranks == wanted_ranks, level, label);
  const auto k = (size + 1) / 2;
  const auto least = kernels::kScalar.reached_by(wanted.lowers.data(), size, k, 0, -1000);
  report.expect(level.reached_by(wanted.lowers.data(), size, k, 0, -1000) == least, level, label);
  auto sorted = wanted.lowers;
  std::sort(sorted.begin(), sorted.begin() + static_cast<std::ptrdiff_t>(size), std::greater<>());
  // As many reach it as reach the k-th largest.
  report.expect(least <= sorted[k - 1] && (sorted[k - 1] == least || k == size || sorted[k] < least), level, label);
  auto found = wanted;
  const auto kept = kernels::kScalar.keep_reaching(wanted.view(), size, least);
  const bool as_many = level.keep_reaching(found.view(), size, least) == kept;
  wanted.cut(kept);
  found.cut(kept);
  report.expect(as_many && found == wanted, level, label);
}

}  // namespace

void check_kernels(const kernels::Table& level, Random& random, Report& report) {
  for (const int dimension : {1, 2, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 100, 257, 2048}) {
    check_dot_exact(level, dimension, random, report);
    check_dot_exact_rows(level, 7, dimension, random, report);
    for (const int rows : {1, 2, 3, 4, 5, 15, 16, 17, 63, 64}) {
      check_dot_rows(level, rows, dimension, random, report);
    }
  }
  for (int rows = 1; rows <= kGroupRows; ++rows) {
    check_at_least(level, rows, random, report);
    check_bits_at(level, rows, random, report);
  }
  for (int queries = 1; queries <= kTileQueries; ++queries) {
    for (const int quads : {1, 2, 3, 4, 7, 15, 16, 17, 63, 512}) {
      check_match_codes(level, queries, quads, false, random, report);
      check_match_codes(level, queries, quads, true, random, report);
      check_prefix(level, queries, quads, random, report);
    }
  }
  check_cutoffs(level, random, report);
  for (const std::int32_t least : {std::numeric_limits<std::int32_t>::min(), 0, 0x3f000000}) {
    for (const std::uint64_t matched : {~std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{1} << 63, random()}) {
      check_intervals(level, matched, least, random, report);
    }
  }
  for (const std::size_t size : {1, 2, 7, 8, 15, 16, 17, 31, 32, 33, 100, 500}) {
    check_selection(level, size, random, report);
  }
}

}  // namespace recstream::checks
