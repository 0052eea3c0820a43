#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace recstream {

/// Longest id, in bytes of UTF-8.
inline constexpr std::int64_t kMaxIdBytes = 128;

/// Text ids of rows 0 .. N-1. Borrows its text; immutable, so safe to use from many threads.
class IdTable {
 public:
  /// Row r is utf8[offsets[r], offsets[r + 1]). Both must stay unchanged while the table lives. Throws
  /// std::invalid_argument, naming the row, for offsets that do not rise from 0 to utf8.size(), and for ids that are
  /// empty, longer than kMaxIdBytes, not UTF-8 or not unique. O(bytes), 8 to 16 bytes of memory for an id.
  IdTable(std::span<const std::uint8_t> utf8, std::span<const std::int64_t> offsets);

  std::int64_t size() const { return static_cast<std::int64_t>(offsets_.size()) - 1; }

  /// Row of an id, or -1. O(1).
  std::int64_t find(std::string_view id) const;

  /// Id of a row in 0 .. size() - 1. Views the borrowed text.
  std::string_view id(std::int64_t row) const;

 private:
  std::size_t slot_of(std::string_view id) const;

  std::span<const std::uint8_t> utf8_;
  std::span<const std::int64_t> offsets_;
  /// Open addressing with linear probing, at most half full; -1 is free.
  std::vector<std::int32_t> slots_;
};

}  // namespace recstream
