#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "recstream/matrix_view.h"

namespace recstream {

/// What an encoder outside of the core wants to know of a history.
struct OutsideEncoding {
  /// Distinct items, the latest kept.
  std::int64_t max_length;
  /// Whether items of negative weight are among them; those of weight zero never are.
  bool hears_aversions;
};

/// Turns the items a user touched, with weights, into a vector.
///
/// Immutable and safe to use from many threads. Deterministic: the same input gives the same bits, at every
/// instruction-set level. A positive weight is a preference of that confidence, a negative one an aversion (preference
/// 0 with confidence |weight|), zero has no influence.
class UserEncoder {
 public:
  virtual ~UserEncoder() = default;
  UserEncoder(const UserEncoder&) = delete;
  UserEncoder& operator=(const UserEncoder&) = delete;

  virtual std::int64_t dimension() const = 0;

  /// Number of items that rows are checked against; none when the rows do not matter.
  virtual std::optional<std::int64_t> item_count() const = 0;

  /// Set when `encode` must not be called, because vectors are made outside of the core.
  virtual std::optional<OutsideEncoding> outside() const { return std::nullopt; }

  /// Vector for items given oldest first, one weight each; rows must be in range and weights finite. None when no item
  /// has a weight (implicit ALS: a positive one), or the vector does not come out finite.
  virtual std::optional<std::vector<float>> encode(std::span<const std::int64_t> rows,
                                                   std::span<const float> weights) const = 0;

 protected:
  UserEncoder() = default;
};

/// Throws std::invalid_argument, naming the entry, unless there is a finite weight for each row and each row is in
/// range.
void require_encodable(const UserEncoder& encoder, std::span<const std::int64_t> rows, std::span<const float> weights);

struct AlsFoldInOptions {
  /// a0, the confidence of what was not observed; at least 0.
  double unobserved_weight;
  /// Above 0: it is what makes the system positive definite for every user.
  double regularization;
  double regularization_exponent;
};

/// The exact implicit-ALS half step for one user: solves
/// (a0 V'V + sum |w_i| v_i v_i' + reg (n + a0 N)^exponent I) u = sum max(w_i, 0) v_i in float64 by Cholesky, where n is
/// the number of items with a weight. Also none when weights beyond 1e12 times the regularization make the system
/// indefinite in float64. Borrows `item_vectors`, keeps V'V: d^2 float64.
/// O(N d^2) to make, with all cores; O(n d^2 + d^3) and d^2 float64 of memory to encode.
/// Throws std::invalid_argument for vectors that are not finite and options out of range.
std::unique_ptr<UserEncoder> make_als_fold_in(const MatrixView& item_vectors, const AlsFoldInOptions& options);

/// sum w_i 2^(-age_i / half_life) v_i / sum |w_i| 2^(-age_i / half_life), the newest item having age 0. Borrows
/// `item_vectors`. O(n d). Throws std::invalid_argument for vectors that are not finite or half_life_events <= 0.
std::unique_ptr<UserEncoder> make_decayed_pooling(const MatrixView& item_vectors, double half_life_events);

/// The same vector for everybody, whatever they touched. Copies it. Throws std::invalid_argument when it is not finite.
std::unique_ptr<UserEncoder> make_constant(std::span<const float> vector);

/// Stands for an encoder outside of the core, such as a neural network: an engine tells what is to be encoded, and is
/// handed the vectors. Throws std::invalid_argument unless dimension, item_count and max_length are positive.
std::unique_ptr<UserEncoder> make_outside(std::int64_t dimension, std::int64_t item_count,
                                          const OutsideEncoding& encoding);

}  // namespace recstream
