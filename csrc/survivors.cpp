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

std::int32_t lowest(std::span<const std::int32_t> values) {
  std::int32_t least = values.front();
  for (const auto value : values) least = value < least ? value : least;
  return least;
}

std::int32_t highest(std::span<const std::int32_t> values) {
  std::int32_t most = values.front();
  for (const auto value : values) most = value > most ? value : most;
  return most;
}

}  // namespace

Survivors::Survivors(std::size_t k) : k_(k) { make_room(0); }

void Survivors::add_all(const Survivors& other) {
  threshold_ = std::max(threshold_, other.threshold_);
  make_room(size_ + other.size_);
  std::copy_n(other.lowers_.begin(), other.size_, lowers_.begin() + static_cast<std::ptrdiff_t>(size_));
  std::copy_n(other.uppers_.begin(), other.size_, uppers_.begin() + static_cast<std::ptrdiff_t>(size_));
  std::copy_n(other.rows_.begin(), other.size_, rows_.begin() + static_cast<std::ptrdiff_t>(size_));
  size_ += other.size_;
}

std::span<const std::int64_t> Survivors::finish() {
  prune();
  return std::span(rows_).first(size_);
}

void Survivors::prune() {
  if (size_ > k_) raise_to_kth();
  drop_hopeless();
  // Ties can keep any number of rows alive; doubling keeps the cost of pruning linear even then.
  make_room(size_);
}

void Survivors::make_room(std::size_t rows) {
  const std::size_t limit = std::max(2 * k_ + kSlack, 2 * rows);
  lowers_.resize(limit);
  uppers_.resize(limit);
  rows_.resize(limit);
}

// Bisection over the ordinals needs only counting, which compilers vectorise: a sixth of the time of nth_element. Any
// value that k lower ends reach is a threshold, so it may stop a little below the k-th largest.
void Survivors::raise_to_kth() {
  const auto held = std::span(lowers_).first(size_);
  std::int64_t low = std::max(threshold_, lowest(held));
  std::int64_t high = std::int64_t{highest(held)} + 1;
  while (high - low > 1) {
    const std::int64_t middle = low + (high - low) / 2;
    const auto reached = count_from(held, static_cast<std::int32_t>(middle));
    (reached >= k_ ? low : high) = middle;
    if (reached >= k_ && reached <= k_ + k_ / 32) break;
  }
  threshold_ = static_cast<std::int32_t>(low);
}

void Survivors::drop_hopeless() {
  std::size_t kept = 0;
  for (std::size_t i = 0; i < size_; ++i) {
    lowers_[kept] = lowers_[i];
    uppers_[kept] = uppers_[i];
    rows_[kept] = rows_[i];
    kept += uppers_[i] >= threshold_ ? 1 : 0;
  }
  size_ = kept;
}

}  // namespace recstream
