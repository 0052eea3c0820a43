#include "recstream/user_encoder.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>

#include "kernels/kernels.h"
#include "recstream/simd_level.h"

namespace recstream {
namespace {

class DecayedPooling final : public UserEncoder {
 public:
  DecayedPooling(const MatrixView& item_vectors, double half_life) : items_(item_vectors), half_life_(half_life) {}

  std::int64_t dimension() const override { return items_.dimension; }
  std::optional<std::int64_t> item_count() const override { return items_.rows; }

  std::optional<std::vector<float>> encode(std::span<const std::int64_t> rows,
                                           std::span<const float> weights) const override {
    const auto newest = newest_with_weight(weights);
    if (newest == 0) return std::nullopt;
    std::vector<double> sum(static_cast<std::size_t>(items_.dimension));
    double total = 0;
    for (std::size_t i = newest; i-- > 0;) {
      // The quotient depends on differences of age only; counting from the newest item with a weight means that the
      // divisor cannot underflow to zero.
      const double decay = std::exp2(-static_cast<double>(newest - 1 - i) / half_life_);
      const double weight = static_cast<double>(weights[i]) * decay;
      total += std::fabs(weight);
      kernels_.add_scaled(items_.row(rows[i]).data(), weight, static_cast<int>(items_.dimension), sum.data());
    }
    std::vector<float> mean(sum.size());
    std::transform(sum.begin(), sum.end(), mean.begin(), [&](double x) { return static_cast<float>(x / total); });
    return mean;
  }

 private:
  /// One more than its position, or 0.
  static std::size_t newest_with_weight(std::span<const float> weights) {
    std::size_t end = weights.size();
    while (end > 0 && weights[end - 1] == 0) --end;
    return end;
  }

  const MatrixView items_;
  const double half_life_;
  const kernels::DenseTable& kernels_ = *kernels_for({}).dense;
};

class Constant final : public UserEncoder {
 public:
  explicit Constant(std::span<const float> vector) : vector_(vector.begin(), vector.end()) {}

  std::int64_t dimension() const override { return static_cast<std::int64_t>(vector_.size()); }
  std::optional<std::int64_t> item_count() const override { return std::nullopt; }
  std::optional<std::vector<float>> encode(std::span<const std::int64_t>, std::span<const float>) const override {
    return vector_;
  }

 private:
  const std::vector<float> vector_;
};

}  // namespace

void require_encodable(const UserEncoder& encoder, std::span<const std::int64_t> rows, std::span<const float> weights) {
  if (rows.size() != weights.size()) {
    throw std::invalid_argument("weights must have one entry for each of the " + std::to_string(rows.size()) +
                                " rows, got " + std::to_string(weights.size()));
  }
  const auto count = encoder.item_count();
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (count && (rows[i] < 0 || rows[i] >= *count)) {
      throw std::invalid_argument("rows[" + std::to_string(i) + "] is " + std::to_string(rows[i]) +
                                  "; there are items 0 to " + std::to_string(*count - 1));
    }
    if (!std::isfinite(weights[i])) throw std::invalid_argument("weights[" + std::to_string(i) + "] is not finite");
  }
}

std::unique_ptr<UserEncoder> make_decayed_pooling(const MatrixView& item_vectors, double half_life_events) {
  require_finite(item_vectors, "item_vectors");
  if (!(half_life_events > 0) || !std::isfinite(half_life_events)) {
    throw std::invalid_argument("half_life_events must be above 0 and finite, got " + std::to_string(half_life_events));
  }
  return std::make_unique<DecayedPooling>(item_vectors, half_life_events);
}

std::unique_ptr<UserEncoder> make_constant(std::span<const float> vector) {
  require_finite({.data = vector.data(), .rows = 1, .dimension = static_cast<std::int64_t>(vector.size())}, "vector");
  return std::make_unique<Constant>(vector);
}

}  // namespace recstream
