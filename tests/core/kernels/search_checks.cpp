#include <string>
#include <vector>

#include "kernel_checks.h"
#include "recstream/exact_index.h"

namespace recstream::checks {
namespace {

struct Answer {
  std::vector<float> scores;
  std::vector<std::int64_t> rows;

  bool operator==(const Answer&) const = default;
};

std::vector<float> skewed_vectors(Random& random, std::int64_t rows, std::int64_t dimension) {
  std::normal_distribution<float> normal;
  std::gamma_distribution<float> norm(2, 0.5F);
  std::vector<float> values;
  values.reserve(static_cast<std::size_t>(rows * dimension));
  for (std::int64_t r = 0; r < rows; ++r) {
    const float length = norm(random);
    for (std::int64_t j = 0; j < dimension; ++j) values.push_back(length * normal(random));
  }
  return values;
}

Answer search(const kernels::Table& level, const MatrixView& vectors, const MatrixView& queries, std::int64_t k,
              const std::vector<RowFilter>& filters) {
  const ExactIndex index(vectors, 2, level.name);
  const auto cells = static_cast<std::size_t>(queries.rows * k);
  Answer answer{.scores = std::vector<float>(cells), .rows = std::vector<std::int64_t>(cells)};
  index.search(queries, k, filters, answer.scores.data(), answer.rows.data());
  return answer;
}

}  // namespace

void check_searches(const kernels::Table& level, Random& random, Report& report) {
  for (const std::int64_t rows : {1, 63, 64, 65, 1023, 1025, 3000}) {
    for (const std::int64_t dimension : {1, 3, 16, 17, 64, 100}) {
      const auto items = skewed_vectors(random, rows, dimension);
      const auto users = skewed_vectors(random, 5, dimension);
      std::vector<std::uint64_t> allow(static_cast<std::size_t>(rows / 64 + 1));
      for (auto& word : allow) word = random();
      const std::vector<std::int64_t> exclude = {0, rows / 2, rows - 1};
      const MatrixView vectors{.data = items.data(), .rows = rows, .dimension = dimension};
      for (const std::int64_t batch : {1, 3, 5}) {
        const MatrixView queries{.data = users.data(), .rows = batch, .dimension = dimension};
        const std::vector<RowFilter> none;
        const std::vector<RowFilter> some(static_cast<std::size_t>(batch), {.allow = allow, .exclude = exclude});
        for (const auto& filters : {none, some}) {
          const std::int64_t k = batch == 3 ? 100 : 10;
          const bool same =
              search(level, vectors, queries, k, filters) == search(kernels::kScalar, vectors, queries, k, filters);
          report.expect(same, level, "search of " + std::to_string(rows) + " x " + std::to_string(dimension));
        }
      }
    }
  }
}

}  // namespace recstream::checks
