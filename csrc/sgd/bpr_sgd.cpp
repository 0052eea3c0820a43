#include <algorithm>
#include <cmath>
#include <cstddef>
#include <stdexcept>
#include <vector>

#include "recstream/factor_sgd.h"
#include "sgd/dense_rows.h"

namespace recstream {
namespace {

/// An item is drawn so many times before a user who has nearly everything is passed over.
constexpr int kTries = 64;

/// SplitMix64 (Steele et al. 2014).
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  /// Below `bound`, which is below 2^32; uneven by less than 2^-32.
  std::uint64_t below(std::uint64_t bound) {
    state_ += 0x9E3779B97F4A7C15;
    std::uint64_t bits = state_;
    bits = (bits ^ (bits >> 30)) * 0xBF58476D1CE4E5B9;
    bits = (bits ^ (bits >> 27)) * 0x94D049BB133111EB;
    return (((bits ^ (bits >> 31)) >> 32) * bound) >> 32;
  }

 private:
  std::uint64_t state_;
};

std::vector<std::int32_t> owners_of(const SparseView& matrix) {
  std::vector<std::int32_t> owners(matrix.columns.size());
  for (std::int64_t r = 0; r < matrix.rows(); ++r) {
    std::fill(owners.begin() + matrix.pointers[static_cast<std::size_t>(r)],
              owners.begin() + matrix.pointers[static_cast<std::size_t>(r) + 1], static_cast<std::int32_t>(r));
  }
  return owners;
}

/// Item that a row does not have, or -1.
std::int32_t draw_other(Random& random, const SparseView::Row& row, std::int64_t items) {
  for (int attempt = 0; attempt < kTries; ++attempt) {
    const auto item = static_cast<std::int32_t>(random.below(static_cast<std::uint64_t>(items)));
    if (!std::binary_search(row.columns.begin(), row.columns.end(), item)) return item;
  }
  return -1;
}

double step(std::span<float> u, std::span<float> i, std::span<float> j, const SgdOptions& options) {
  const float difference = dot(u, i) - dot(u, j);
  const float pull = options.learning_rate / (1 + std::exp(difference));
  const float keep = 1 - options.learning_rate * options.regularization;
  const std::size_t bias = u.size() - 1;
  for (std::size_t f = 0; f < bias; ++f) {
    const float old_u = u[f];
    u[f] = keep * old_u + pull * (i[f] - j[f]);
    i[f] = keep * i[f] + pull * old_u;
    j[f] = keep * j[f] - pull * old_u;
  }
  i[bias] = keep * i[bias] + pull;
  j[bias] = keep * j[bias] - pull;
  return static_cast<double>(difference > 0 ? std::log1p(std::exp(-difference))
                                            : std::log1p(std::exp(difference)) - difference);
}

}  // namespace

double bpr_epoch(const SparseView& positives, const MutableMatrix& users, const MutableMatrix& items,
                 std::uint64_t seed, const SgdOptions& options) {
  require_sparse(positives, items.rows, "positives");
  if (users.rows != positives.rows() || users.dimension != items.dimension || items.dimension < 1) {
    throw std::invalid_argument("users and items do not have the shape that positives ask for");
  }
  const auto owners = owners_of(positives);
  Random random(seed);
  double loss = 0;
  for (std::size_t taken = 0; taken < owners.size(); ++taken) {
    const auto entry = static_cast<std::size_t>(random.below(owners.size()));
    const auto user = owners[entry];
    const auto other = draw_other(random, positives.row(user), items.rows);
    if (other < 0) continue;
    loss += step(users.row(user), items.row(positives.columns[entry]), items.row(other), options);
  }
  return loss;
}

}  // namespace recstream
