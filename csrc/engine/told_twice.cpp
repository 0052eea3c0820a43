#include "engine/told_twice.h"

#include <algorithm>

namespace recstream {

ToldTwice::ToldTwice(std::span<const std::int32_t> trained, std::span<const Interaction> live,
                     std::int64_t trained_version)
    : trained_version_(trained_version) {
  if (trained_version == 0 || trained.empty() || live.empty()) return;
  trained_.assign(trained.begin(), trained.end());
  std::sort(trained_.begin(), trained_.end());
  for (const auto& touch : live) {
    if (touch.version > trained_version) live_since_.push_back(touch.item);
  }
  std::sort(live_since_.begin(), live_since_.end());
}

bool ToldTwice::counts_live(const Interaction& touch) const {
  // What is not in the log has no version, and is told here only.
  if (touch.version == 0 || touch.version > trained_version_) return true;
  return !std::binary_search(trained_.begin(), trained_.end(), touch.item);
}

bool ToldTwice::counts_trained(std::int32_t row) const {
  return !std::binary_search(live_since_.begin(), live_since_.end(), static_cast<ItemKey>(row));
}

}  // namespace recstream
