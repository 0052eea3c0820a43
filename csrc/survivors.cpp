#include "survivors.h"

#include <algorithm>

namespace recstream {
namespace {

// The smaller the buffer, the sooner there is a threshold: at k = 10 and a few thousand rows a first pruning after 84
// rows, not after a whole block, leaves a tenth of the survivors.
constexpr std::size_t kSlack = 64;

}  // namespace

Survivors::Survivors(std::size_t k) : k_(k), limit_(2 * k + kSlack) {}

void Survivors::add_all(const Survivors& other) {
  for (const auto& survivor : other.held_) add(survivor);
}

std::span<const Survivor> Survivors::finish() {
  prune();
  return held_;
}

void Survivors::prune() {
  if (held_.size() > k_) {
    const auto kth = held_.begin() + static_cast<std::ptrdiff_t>(k_ - 1);
    std::nth_element(held_.begin(), kth, held_.end(),
                     [](const Survivor& a, const Survivor& b) { return a.lower > b.lower; });
    threshold_ = std::max(threshold_, kth->lower);
    std::erase_if(held_, [this](const Survivor& s) { return s.upper < threshold_; });
  }
  // Ties can keep any number of rows alive; doubling keeps the cost of pruning linear even then.
  limit_ = std::max(2 * k_ + kSlack, 2 * held_.size());
}

}  // namespace recstream
