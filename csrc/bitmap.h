#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace recstream {

/// Bit r of a bitmap is bit r % 64 of word r / 64.
inline constexpr std::int64_t kWordBits = 64;

inline std::size_t word_of(std::int64_t bit) { return static_cast<std::size_t>(bit / kWordBits); }
inline std::uint64_t mask_of(std::int64_t bit) { return std::uint64_t{1} << (bit % kWordBits); }
inline std::size_t words_for(std::int64_t bits) { return word_of(bits + kWordBits - 1); }

/// Bits 0 .. bits - 1 are set, those that fill the last word are not.
inline std::vector<std::uint64_t> all_bits(std::int64_t bits) {
  std::vector<std::uint64_t> words(words_for(bits), ~std::uint64_t{0});
  if (bits % kWordBits != 0) words.back() = mask_of(bits) - 1;
  return words;
}

inline bool has_bit(std::span<const std::uint64_t> words, std::int64_t bit) {
  return (words[word_of(bit)] & mask_of(bit)) != 0;
}
inline void set_bit(std::span<std::uint64_t> words, std::int64_t bit) { words[word_of(bit)] |= mask_of(bit); }
inline void clear_bit(std::span<std::uint64_t> words, std::int64_t bit) { words[word_of(bit)] &= ~mask_of(bit); }

}  // namespace recstream
