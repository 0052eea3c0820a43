#pragma once

#include <cstdint>
#include <span>

#include "recstream/sparse_view.h"

namespace recstream {

/// Row-major float32 matrix that somebody else owns and lets be changed.
struct MutableMatrix {
  float* data = nullptr;
  std::int64_t rows = 0;
  std::int64_t dimension = 0;

  std::span<float> row(std::int64_t r) const { return {data + r * dimension, static_cast<std::size_t>(dimension)}; }
};

struct SgdOptions {
  float learning_rate;
  float regularization;
};

/// What predicts ratings: mean + b_u + b_i + <q_i, p_u + |N(u)|^-1/2 sum over N(u) of y_j>, where N(u) is what u rated.
struct RatingFactors {
  float mean = 0;
  std::span<float> user_biases;
  std::span<float> item_biases;
  MutableMatrix users;
  MutableMatrix items;
  /// The y of SVD++; without rows for a model that has none.
  MutableMatrix implicit;
};

/// One pass of stochastic gradient descent on squared errors, user by user in the order given (Koren 2008). Returns the
/// sum of the squared errors, each before its step. The steps are those of plain SGD, which changes every y_j of N(u)
/// at every rating of u; as all change alike, their sum is carried along, and O(ratings * d) is enough. Throws
/// std::invalid_argument for shapes that do not fit, what `require_sparse` refuses, or unknown users.
double rating_epoch(const SparseView& ratings, std::span<const std::int32_t> order, const RatingFactors& factors,
                    const SgdOptions& options);

/// One pass of Bayesian personalised ranking (Rendle 2009): as many steps as there are positives, each for one drawn at
/// random and an item drawn from those that its user does not have. The last column of `items` is a bias: that of
/// `users` is 1, and stays so. Returns the sum of ln(1 + exp(-difference)), each before its step. Deterministic by
/// seed. `positives` must have rising columns in each row. O(positives * (d + log row)). Throws std::invalid_argument
/// for shapes that do not fit or what `require_sparse` refuses.
double bpr_epoch(const SparseView& positives, const MutableMatrix& users, const MutableMatrix& items,
                 std::uint64_t seed, const SgdOptions& options);

}  // namespace recstream
