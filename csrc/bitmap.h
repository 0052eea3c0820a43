#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace recstream {

/// Bit r of a bitmap is bit r % 64 of word r / 64.
inline constexpr std::int64_t kWordBits = 64;

inline std::size_t word_of(std::int64_t bit) { return static_cast<std::size_t>(bit / kWordBits); }
inline std::uint64_t mask_of(std::int64_t bit) { return std::uint64_t{1} << (bit % kWordBits); }
inline std::size_t words_for(std::int64_t bits) { return word_of(bits + kWordBits - 1); }

inline bool has_bit(std::span<const std::uint64_t> words, std::int64_t bit) {
  return (words[word_of(bit)] & mask_of(bit)) != 0;
}
inline void set_bit(std::span<std::uint64_t> words, std::int64_t bit) { words[word_of(bit)] |= mask_of(bit); }
inline void clear_bit(std::span<std::uint64_t> words, std::int64_t bit) { words[word_of(bit)] &= ~mask_of(bit); }

}  // namespace recstream
