#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "engine/item_history.h"
#include "recstream/engine.h"
#include "recstream/user_encoder.h"

namespace recstream {

/// The vectors of one subject that are made outside of the core.
class OutsideVectors {
 public:
  /// `encoded` is what the caller brought, if anything, and `state_version` that of the subject now. Throws
  /// std::invalid_argument for a vector of another dimension, or one that is not finite.
  OutsideVectors(const std::optional<EncodedVector>& encoded, std::int64_t state_version, std::int64_t dimension);

  /// The caller's vector if it is of this state; none if the encoder hears nothing of the history. Throws NotEncoded,
  /// with the part of the history that it hears, if the vector is still to be made.
  std::optional<std::vector<float>> vector(const ItemHistory& history, const OutsideEncoding& encoding) const;

 private:
  const std::optional<EncodedVector> encoded_;
  const std::int64_t state_version_;
};

}  // namespace recstream
