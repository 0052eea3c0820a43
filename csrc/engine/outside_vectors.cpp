#include "engine/outside_vectors.h"

#include <algorithm>
#include <stdexcept>
#include <string>
#include <utility>

namespace recstream {
namespace {

class Outside final : public UserEncoder {
 public:
  Outside(std::int64_t dimension, std::int64_t item_count, const OutsideEncoding& encoding)
      : dimension_(dimension), item_count_(item_count), encoding_(encoding) {}

  std::int64_t dimension() const override { return dimension_; }
  std::optional<std::int64_t> item_count() const override { return item_count_; }
  std::optional<OutsideEncoding> outside() const override { return encoding_; }

  std::optional<std::vector<float>> encode(std::span<const std::int64_t>, std::span<const float>) const override {
    throw std::invalid_argument("this encoder is run outside of the core");
  }

 private:
  const std::int64_t dimension_;
  const std::int64_t item_count_;
  const OutsideEncoding encoding_;
};

Unencoded heard_part(const ItemHistory& history, const OutsideEncoding& encoding) {
  Unencoded heard;
  for (std::size_t i = history.rows.size(); i-- > 0;) {
    if (static_cast<std::int64_t>(heard.rows.size()) == encoding.max_length) break;
    const float weight = history.weights[i];
    if (weight == 0 || (weight < 0 && !encoding.hears_aversions)) continue;
    heard.rows.push_back(history.rows[i]);
    heard.weights.push_back(weight);
    heard.times.push_back(history.times[i]);
  }
  std::reverse(heard.rows.begin(), heard.rows.end());
  std::reverse(heard.weights.begin(), heard.weights.end());
  std::reverse(heard.times.begin(), heard.times.end());
  return heard;
}

}  // namespace

OutsideVectors::OutsideVectors(const std::optional<EncodedVector>& encoded, std::int64_t state_version,
                               std::int64_t dimension)
    : encoded_(encoded), state_version_(state_version) {
  if (!encoded) return;
  if (static_cast<std::int64_t>(encoded->vector.size()) != dimension) {
    throw std::invalid_argument("encoded: the vector has " + std::to_string(encoded->vector.size()) +
                                " dimensions, items have " + std::to_string(dimension));
  }
  require_finite({.data = encoded->vector.data(), .rows = 1, .dimension = dimension}, "encoded");
}

std::optional<std::vector<float>> OutsideVectors::vector(const ItemHistory& history,
                                                         const OutsideEncoding& encoding) const {
  Unencoded heard = heard_part(history, encoding);
  if (heard.rows.empty()) return std::nullopt;
  if (encoded_ && encoded_->state_version == state_version_) {
    return std::vector<float>(encoded_->vector.begin(), encoded_->vector.end());
  }
  heard.state_version = state_version_;
  throw NotEncoded(std::move(heard));
}

std::unique_ptr<UserEncoder> make_outside(std::int64_t dimension, std::int64_t item_count,
                                          const OutsideEncoding& encoding) {
  const auto require_positive = [](const char* what, std::int64_t value) {
    if (value < 1) throw std::invalid_argument(std::string(what) + " must be at least 1, got " + std::to_string(value));
  };
  require_positive("dimension", dimension);
  require_positive("item_count", item_count);
  require_positive("max_length", encoding.max_length);
  return std::make_unique<Outside>(dimension, item_count, encoding);
}

}  // namespace recstream
