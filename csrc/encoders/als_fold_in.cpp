#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>

#include "encoders/symmetric_matrix.h"
#include "kernels/kernels.h"
#include "parallel.h"
#include "recstream/simd_level.h"
#include "recstream/user_encoder.h"

namespace recstream {
namespace {

// Multiply-adds below which V'V is made on one thread: about ten milliseconds.
constexpr std::int64_t kWorkForThreads = std::int64_t{1} << 24;

SymmetricMatrix unobserved_part(const MatrixView& items, double unobserved_weight, const kernels::DenseTable& kernels) {
  SymmetricMatrix gram(items.dimension, kernels);
  const auto work = items.rows * items.dimension * items.dimension;
  if (unobserved_weight > 0) gram.add_gram(items, work < kWorkForThreads ? 1 : thread_count(0));
  gram.scale(unobserved_weight);
  return gram;
}

class AlsFoldIn final : public UserEncoder {
 public:
  AlsFoldIn(const MatrixView& item_vectors, const AlsFoldInOptions& options)
      : items_(item_vectors),
        options_(options),
        kernels_(*kernels_for({}).dense),
        unobserved_(unobserved_part(item_vectors, options.unobserved_weight, kernels_)) {}

  std::int64_t dimension() const override { return items_.dimension; }
  std::optional<std::int64_t> item_count() const override { return items_.rows; }

  std::optional<std::vector<float>> encode(std::span<const std::int64_t> rows,
                                           std::span<const float> weights) const override {
    std::vector<const float*> vectors;
    std::vector<double> confidences;
    std::vector<double> solution(static_cast<std::size_t>(items_.dimension));
    for (std::size_t i = 0; i < rows.size(); ++i) {
      if (weights[i] == 0) continue;
      const auto vector = items_.row(rows[i]);
      vectors.push_back(vector.data());
      confidences.push_back(std::fabs(static_cast<double>(weights[i])));
      const double preference = std::max(static_cast<double>(weights[i]), 0.0);
      if (preference > 0)
        kernels_.add_scaled(vector.data(), preference, static_cast<int>(vector.size()), solution.data());
    }
    // Aversions alone solve to the zero vector, by which all items tie: worse than what is popular.
    if (std::none_of(weights.begin(), weights.end(), [](float weight) { return weight > 0; })) return std::nullopt;
    SymmetricMatrix system = unobserved_;
    system.add_outer_products(vectors, confidences);
    system.add_to_diagonal(regularization(vectors.size()));
    if (!system.solve_in_place(solution)) return std::nullopt;
    return to_float(solution);
  }

 private:
  double regularization(std::size_t observed) const {
    const double mass = static_cast<double>(observed) + options_.unobserved_weight * static_cast<double>(items_.rows);
    return options_.regularization * std::pow(mass, options_.regularization_exponent);
  }

  static std::optional<std::vector<float>> to_float(std::span<const double> values) {
    std::vector<float> floats(values.size());
    std::transform(values.begin(), values.end(), floats.begin(), [](double x) { return static_cast<float>(x); });
    const bool finite = std::all_of(floats.begin(), floats.end(), [](float x) { return std::isfinite(x); });
    return finite ? std::optional(std::move(floats)) : std::nullopt;
  }

  const MatrixView items_;
  const AlsFoldInOptions options_;
  const kernels::DenseTable& kernels_;
  const SymmetricMatrix unobserved_;
};

void require_option(bool holds, const char* name, const char* rule, double value) {
  if (!holds || !std::isfinite(value)) {
    throw std::invalid_argument(std::string(name) + " must be " + rule + " and finite, got " + std::to_string(value));
  }
}

}  // namespace

std::unique_ptr<UserEncoder> make_als_fold_in(const MatrixView& item_vectors, const AlsFoldInOptions& options) {
  require_finite(item_vectors, "item_vectors");
  require_option(options.unobserved_weight >= 0, "unobserved_weight", "at least 0", options.unobserved_weight);
  require_option(options.regularization > 0, "regularization", "above 0", options.regularization);
  require_option(true, "regularization_exponent", "a number", options.regularization_exponent);
  return std::make_unique<AlsFoldIn>(item_vectors, options);
}

}  // namespace recstream
