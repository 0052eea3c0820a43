#include "kernel_checks.h"

#include <cmath>
#include <cstring>
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

/// Queries with the codes they point to, and cutoffs that about half of the rows reach.
struct Tile {
  kernels::CodeTile view{};
  std::vector<std::int8_t> codes[kTileQueries];

  Tile(int queries, int quads, bool extreme, Random& random) {
    std::uniform_int_distribution<int> code(-127, 127);
    std::uniform_int_distribution<int> cutoff(-2000 * quads, 2000 * quads);
    view.queries = queries;
    for (int q = 0; q < queries; ++q) {
      int sum = 0;
      for (int j = 0; j < quads * kQuad; ++j) {
        codes[q].push_back(static_cast<std::int8_t>(extreme ? 127 - 254 * (q % 2) : code(random)));
        sum += codes[q].back();
      }
      view.codes[q] = codes[q].data();
      view.bias[q] = -kernels::kCodeOffset * sum;
      view.cutoff[q] = extreme ? 127 * 127 * kQuad * quads : cutoff(random);
    }
  }
};

void check_match_codes(const kernels::Table& level, int queries, int quads, bool extreme, Random& random,
                       Report& report) {
  std::uniform_int_distribution<int> stored(1, 255);
  std::vector<std::uint8_t> group(static_cast<std::size_t>(quads * kernels::kQuadBytes));
  for (auto& byte : group) byte = static_cast<std::uint8_t>(extreme ? 255 : stored(random));
  const Tile tile(queries, quads, extreme, random);
  kernels::CodeMatches wanted{};
  kernels::CodeMatches found{};
  kernels::kScalar.match_codes(group.data(), quads, tile.view, wanted);
  level.match_codes(group.data(), quads, tile.view, found);
  for (int q = 0; q < queries; ++q) {
    bool same = found.matched[q] == wanted.matched[q];
    if (same && wanted.matched[q] != 0) {
      same = std::memcmp(found.scores[q], wanted.scores[q], sizeof wanted.scores[q]) == 0;
    }
    report.expect(same, level, place("match_codes", queries, quads));
  }
}

}  // namespace

void check_kernels(const kernels::Table& level, Random& random, Report& report) {
  for (const int dimension : {1, 2, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 100, 257, 2048}) {
    check_dot_exact(level, dimension, random, report);
    for (const int rows : {1, 2, 3, 4, 5, 15, 16, 17, 63, 64}) {
      check_dot_rows(level, rows, dimension, random, report);
    }
  }
  for (int rows = 1; rows <= kGroupRows; ++rows) check_at_least(level, rows, random, report);
  for (int queries = 1; queries <= kTileQueries; ++queries) {
    for (const int quads : {1, 2, 3, 4, 7, 15, 16, 17, 63, 512}) {
      check_match_codes(level, queries, quads, false, random, report);
      check_match_codes(level, queries, quads, true, random, report);
    }
  }
}

}  // namespace recstream::checks
