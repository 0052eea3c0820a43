#include <algorithm>
#include <cmath>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <vector>

#include "recstream/factor_sgd.h"
#include "sgd/dense_rows.h"

namespace recstream {
namespace {

void require_shape(bool fits, const char* what) {
  if (!fits)
    throw std::invalid_argument(std::string(what) + " does not have the shape that ratings and factors ask for");
}

void require_factors(const SparseView& ratings, const RatingFactors& factors) {
  const auto d = factors.items.dimension;
  require_shape(factors.users.rows == ratings.rows() && factors.users.dimension == d, "users");
  require_shape(static_cast<std::int64_t>(factors.user_biases.size()) == factors.users.rows, "user_biases");
  require_shape(static_cast<std::int64_t>(factors.item_biases.size()) == factors.items.rows, "item_biases");
  const auto& implicit = factors.implicit;
  require_shape(implicit.rows == 0 || (implicit.rows == factors.items.rows && implicit.dimension == d), "implicit");
}

/// The steps of one user.
class UserSteps {
 public:
  UserSteps(const RatingFactors& factors, const SgdOptions& options)
      : factors_(factors),
        rate_(options.learning_rate),
        penalty_(options.regularization),
        sum_(static_cast<std::size_t>(factors.items.dimension)),
        change_(sum_.size()) {}

  double run(std::int64_t user, const SparseView::Row& ratings) {
    const auto count = ratings.columns.size();
    if (count == 0) return 0;
    const auto norm = static_cast<float>(1 / std::sqrt(static_cast<double>(count)));
    if (has_implicit()) gather(ratings, norm);
    double loss = 0;
    for (std::size_t t = 0; t < count; ++t) loss += step(user, ratings.columns[t], ratings.values[t], norm);
    if (has_implicit()) scatter(ratings);
    return loss;
  }

 private:
  bool has_implicit() const { return factors_.implicit.rows > 0; }

  void gather(const SparseView::Row& ratings, float norm) {
    std::fill(sum_.begin(), sum_.end(), 0.0F);
    std::fill(change_.begin(), change_.end(), 0.0F);
    kept_ = 1;
    for (const auto item : ratings.columns) {
      const auto y = factors_.implicit.row(item);
      for (std::size_t j = 0; j < sum_.size(); ++j) sum_[j] += norm * y[j];
    }
  }

  double step(std::int64_t user, std::int32_t item, float rating, float norm) {
    const auto p = factors_.users.row(user);
    const auto q = factors_.items.row(item);
    float& user_bias = factors_.user_biases[static_cast<std::size_t>(user)];
    float& item_bias = factors_.item_biases[static_cast<std::size_t>(item)];
    const float error = rating - (factors_.mean + user_bias + item_bias + dot(q, p) + dot(q, sum_));
    user_bias += rate_ * (error - penalty_ * user_bias);
    item_bias += rate_ * (error - penalty_ * item_bias);
    const bool implicit = has_implicit();
    const float keep = 1 - rate_ * penalty_;
    const float pull = rate_ * error;
    for (std::size_t j = 0; j < q.size(); ++j) {
      const float old_q = q[j];
      q[j] = keep * old_q + pull * (p[j] + sum_[j]);
      p[j] = keep * p[j] + pull * old_q;
      if (implicit) {
        sum_[j] = keep * sum_[j] + pull * old_q;
        change_[j] = keep * change_[j] + norm * pull * old_q;
      }
    }
    kept_ *= keep;
    return static_cast<double>(error) * static_cast<double>(error);
  }

  void scatter(const SparseView::Row& ratings) {
    for (const auto item : ratings.columns) {
      const auto y = factors_.implicit.row(item);
      for (std::size_t j = 0; j < y.size(); ++j) y[j] = kept_ * y[j] + change_[j];
    }
  }

  const RatingFactors& factors_;
  const float rate_;
  const float penalty_;
  /// norm * sum of the y_j as they are now, what one step after the other adds to each of them, and what is left of
  /// what they were.
  std::vector<float> sum_;
  std::vector<float> change_;
  float kept_ = 1;
};

}  // namespace

double rating_epoch(const SparseView& ratings, std::span<const std::int32_t> order, const RatingFactors& factors,
                    const SgdOptions& options) {
  require_sparse(ratings, factors.items.rows, "ratings");
  require_factors(ratings, factors);
  for (const auto user : order) require_shape(user >= 0 && user < ratings.rows(), "order");
  UserSteps steps(factors, options);
  double loss = 0;
  for (const auto user : order) loss += steps.run(user, ratings.row(user));
  return loss;
}

}  // namespace recstream
