#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace recstream::transport {

/// The attributes of all items, each item's as the bytes that a Recommendation carries them in. Made item by item, in
/// the order of the rows; then safe to read from many threads. Takes those bytes, and 8 more for an item.
class ItemAttributes {
 public:
  /// Names rise, byte by byte: the order in which a deterministic serializer writes them.
  explicit ItemAttributes(const std::vector<std::string>& names);

  /// These add a value to the item at hand, by the place of its name; places rise.
  void add_text(std::size_t attribute, std::string_view text);
  void add_number(std::size_t attribute, double number);
  void add_flag(std::size_t attribute, bool flag);
  void add_texts(std::size_t attribute, std::span<const std::string_view> texts);
  void end_item();

  /// Gives back memory that is not needed; nothing is added from then on.
  void finish();

  std::int64_t items() const { return static_cast<std::int64_t>(starts_.size()) - 1; }

  /// Empty for an item without attributes, and for all of them when there are none.
  std::string_view of(std::int64_t row) const;

  std::int64_t bytes() const;

 private:
  void add(std::size_t attribute, std::string_view value);

  /// The field `key` of a map entry.
  std::vector<std::string> keys_;
  std::string bytes_;
  /// Where each item's bytes begin, and the last one's end.
  std::vector<std::size_t> starts_{0};
  /// A serialized AttributeValue in the making.
  std::string value_;
};

}  // namespace recstream::transport
