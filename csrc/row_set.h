#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "bitmap.h"

namespace recstream {

/// A set of rows 0 .. size - 1, as a bitmap; full at first.
class RowSet {
 public:
  explicit RowSet(std::int64_t size) : words_(all_bits(size)) {}

  /// Takes a row out; whether it was in.
  bool take(std::int64_t row) {
    const bool held = contains(row);
    clear_bit(words_, row);
    return held;
  }

  /// Takes out the rows whose bit is not set; a word for each of the set's.
  void keep(std::span<const std::uint64_t> words) {
    for (std::size_t w = 0; w < words_.size(); ++w) words_[w] &= words[w];
  }

  bool contains(std::int64_t row) const { return has_bit(words_, row); }

  std::span<const std::uint64_t> words() const { return words_; }

 private:
  std::vector<std::uint64_t> words_;
};

}  // namespace recstream
