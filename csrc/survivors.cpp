#include "survivors.h"

namespace recstream {
namespace {

// The smaller the buffer, the sooner there is a threshold: at k = 10 and a few thousand rows a first pruning after 84
// rows, not after a whole block, leaves a tenth of the survivors.
constexpr std::size_t kSlack = 64;

std::size_t count_from(std::span<const std::int32_t> values, std::int32_t least) {
  std::int32_t count = 0;
  for (const auto value : values) count += value >= least ? 1 : 0;
  return static_cast<std::size_t>(count);
}

}  // namespace

Survivors::Survivors(std::size_t k) : k_(k), limit_(2 * k + kSlack) {}

void Survivors::add_all(const Survivors& other) {
  threshold_ = std::max(threshold_, other.threshold_);
  lowers_.insert(lowers_.end(), other.lowers_.begin(), other.lowers_.end());
  uppers_.insert(uppers_.end(), other.uppers_.begin(), other.uppers_.end());
  rows_.insert(rows_.end(), other.rows_.begin(), other.rows_.end());
}

std::span<const std::int64_t> Survivors::finish() {
  prune();
  return rows_;
}

void Survivors::prune() {
  if (rows_.size() > k_) raise_to_kth();
  drop_hopeless();
  // Ties can keep any number of rows alive; doubling keeps the cost of pruning linear even then.
  limit_ = std::max(2 * k_ + kSlack, 2 * rows_.size());
}

// Bisection over the ordinals needs only counting, which compilers vectorise: a sixth of the time of nth_element. Any
// value that k lower ends reach is a threshold, so it may stop a little below the k-th largest.
void Survivors::raise_to_kth() {
  const auto [least, most] = std::minmax_element(lowers_.begin(), lowers_.end());
  std::int64_t low = std::max(threshold_, *least);
  std::int64_t high = std::int64_t{*most} + 1;
  while (high - low > 1) {
    const std::int64_t middle = low + (high - low) / 2;
    const auto reached = count_from(lowers_, static_cast<std::int32_t>(middle));
    (reached >= k_ ? low : high) = middle;
    if (reached >= k_ && reached <= k_ + k_ / 32) break;
  }
  threshold_ = static_cast<std::int32_t>(low);
}

void Survivors::drop_hopeless() {
  std::size_t kept = 0;
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    lowers_[kept] = lowers_[i];
    uppers_[kept] = uppers_[i];
    rows_[kept] = rows_[i];
    kept += uppers_[i] >= threshold_ ? 1 : 0;
  }
  lowers_.resize(kept);
  uppers_.resize(kept);
  rows_.resize(kept);
}

}  // namespace recstream
