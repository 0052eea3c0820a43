#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace recstream {

enum class AttributeKind : std::uint8_t { kText, kNumber, kBoolean, kTextList };

/// "text", "number", "boolean" or "list of text".
std::string_view kind_name(AttributeKind kind);

/// The distinct texts of a column: value v is utf8[offsets[v], offsets[v + 1]). They rise strictly, byte by byte.
struct TextDictionary {
  std::span<const std::uint8_t> utf8;
  std::span<const std::int64_t> offsets;
};

/// One attribute of all rows, kept as its sorted distinct values, and the rows of each. A condition thus costs a binary
/// search and as many bits as rows match. Immutable, so safe to use from many threads; owns its memory: 4 bytes for a
/// value of a row, 8 for a distinct number, its length and 16 for a distinct text, and a bit for each row.
class AttributeColumn {
 public:
  /// Positions of distinct values: from the first up to, not including, the second.
  using ValueRange = std::pair<std::size_t, std::size_t>;

  /// NaN means that a row has no value. Throws std::invalid_argument for an infinity. O(n log n).
  static AttributeColumn numbers(std::span<const double> values);

  /// 0, 1, or -1 where a row has no value. Throws std::invalid_argument for another number. O(n log n).
  static AttributeColumn booleans(std::span<const std::int8_t> values);

  /// A row's code is its text's place in the dictionary, -1 where it has none. Throws std::invalid_argument for codes
  /// out of range and for a dictionary that does not rise. O(n + bytes of text).
  static AttributeColumn texts(const TextDictionary& dictionary, std::span<const std::int32_t> codes);

  /// Row r has codes[pointers[r], pointers[r + 1]), and no list at all where has_list[r] is 0. Throws as `texts`.
  static AttributeColumn text_lists(const TextDictionary& dictionary, std::span<const std::int32_t> codes,
                                    std::span<const std::int64_t> pointers, std::span<const std::uint8_t> has_list);

  AttributeKind kind() const { return kind_; }
  std::int64_t rows() const { return rows_; }
  std::int64_t bytes() const;

  /// Bitmap of the rows that have a value; an empty list is one.
  std::span<const std::uint64_t> present() const { return present_; }

  /// For columns of text, else empty. O(log n).
  ValueRange find_text(std::string_view text) const;
  /// Numbers from `low` to `high`, both included; for columns of numbers, and of booleans as 0 and 1, else empty.
  ValueRange find_numbers(double low, double high) const;

  /// Sets the bits of the rows that have one of the values. O(rows set).
  void add_rows(ValueRange values, std::span<std::uint64_t> words) const;

 private:
  AttributeColumn(AttributeKind kind, std::int64_t rows);
  void set_dictionary(const TextDictionary& dictionary);
  std::string_view text(std::size_t value) const;
  std::size_t distinct() const { return pointers_.size() - 1; }

  AttributeKind kind_;
  std::int64_t rows_;
  std::vector<char> text_;
  std::vector<std::int64_t> text_offsets_;
  std::vector<double> numbers_;
  /// The rows of value v are posted_[pointers_[v], pointers_[v + 1]), rising.
  std::vector<std::int64_t> pointers_;
  std::vector<std::int32_t> posted_;
  std::vector<std::uint64_t> present_;
};

}  // namespace recstream
