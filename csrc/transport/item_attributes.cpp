#include "transport/item_attributes.h"

#include "transport/wire_writer.h"

namespace recstream::transport {
namespace {

/// Of `attributes` in a Recommendation, and of the value in an entry of that map.
constexpr int kAttributesField = 4;
constexpr int kValueField = 2;

}  // namespace

ItemAttributes::ItemAttributes(const std::vector<std::string>& names) {
  for (const auto& name : names) append_bytes(keys_.emplace_back(), 1, name);
}

void ItemAttributes::add_text(std::size_t attribute, std::string_view text) {
  value_.clear();
  append_bytes(value_, 1, text);
  add(attribute, value_);
}

void ItemAttributes::add_number(std::size_t attribute, double number) {
  value_.clear();
  append_double(value_, 2, number);
  add(attribute, value_);
}

void ItemAttributes::add_flag(std::size_t attribute, bool flag) {
  value_.clear();
  append_flag(value_, 3, flag);
  add(attribute, value_);
}

void ItemAttributes::add_texts(std::size_t attribute, std::span<const std::string_view> texts) {
  std::string list;
  for (const auto text : texts) append_bytes(list, 1, text);
  value_.clear();
  append_bytes(value_, 4, list);
  add(attribute, value_);
}

void ItemAttributes::end_item() { starts_.push_back(bytes_.size()); }

void ItemAttributes::finish() {
  bytes_.shrink_to_fit();
  starts_.shrink_to_fit();
}

std::string_view ItemAttributes::of(std::int64_t row) const {
  if (keys_.empty()) return {};
  const auto start = starts_[static_cast<std::size_t>(row)];
  return std::string_view(bytes_).substr(start, starts_[static_cast<std::size_t>(row) + 1] - start);
}

std::int64_t ItemAttributes::bytes() const {
  return static_cast<std::int64_t>(bytes_.size() + starts_.size() * sizeof(std::size_t));
}

void ItemAttributes::add(std::size_t attribute, std::string_view value) {
  const auto& key = keys_[attribute];
  bytes_.push_back(static_cast<char>(wire_tag(kAttributesField, WireType::kBytes)));
  append_varint(bytes_, key.size() + 1 + varint_size(value.size()) + value.size());
  bytes_.append(key);
  append_bytes(bytes_, kValueField, value);
}

}  // namespace recstream::transport
