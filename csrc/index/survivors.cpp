#include "index/survivors.h"

namespace recstream {
namespace {

// The smaller the buffer, the sooner there is a threshold: at k = 10 and a few thousand rows a first pruning after two
// groups, not after a whole block, leaves a tenth of the survivors.
constexpr std::size_t kSlack = 2 * std::size_t{kernels::kGroupRows};

}  // namespace

Survivors::Survivors(std::size_t k, const kernels::Table& kernels) : kernels_(&kernels), k_(k) { make_room(0); }

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

// Any value that k lower ends reach is a threshold, so it may stop a little below the k-th largest.
void Survivors::prune() {
  if (size_ > k_) threshold_ = kernels_->reached_by(lowers_.data(), size_, k_, k_ / 32, threshold_);
  size_ = kernels_->keep_reaching(from(0), size_, threshold_);
  // Ties can keep any number of rows alive; doubling keeps the cost of pruning linear even then.
  make_room(size_);
}

void Survivors::make_room(std::size_t rows) {
  const std::size_t limit = std::max(2 * k_ + kSlack, 2 * rows);
  if (limit <= limit_) return;
  limit_ = limit;
  lowers_.resize(limit + kernels::kGroupRows);
  uppers_.resize(limit + kernels::kGroupRows);
  rows_.resize(limit + kernels::kGroupRows);
}

}  // namespace recstream
