#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace recstream {

/// A set of rows 0 .. size - 1, as a bitmap; full at first.
class RowSet {
 public:
  explicit RowSet(std::int64_t size) : words_(static_cast<std::size_t>((size + 63) / 64), ~std::uint64_t{0}) {
    if (size % 64 != 0) words_.back() = (std::uint64_t{1} << (size % 64)) - 1;
  }

  /// Takes a row out; whether it was in.
  bool take(std::int64_t row) {
    auto& word = words_[static_cast<std::size_t>(row / 64)];
    const std::uint64_t bit = std::uint64_t{1} << (row % 64);
    const bool held = (word & bit) != 0;
    word &= ~bit;
    return held;
  }

  bool contains(std::int64_t row) const { return (words_[static_cast<std::size_t>(row / 64)] >> (row % 64) & 1) != 0; }

  std::span<const std::uint64_t> words() const { return words_; }

 private:
  std::vector<std::uint64_t> words_;
};

}  // namespace recstream
