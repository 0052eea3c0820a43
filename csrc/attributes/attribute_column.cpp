#include "recstream/attribute_column.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>

#include "bitmap.h"
#include "utf8.h"

namespace recstream {
namespace {

template <class T>
std::int64_t bytes_of(const std::vector<T>& values) {
  return static_cast<std::int64_t>(values.size() * sizeof(T));
}

template <class T>
std::int64_t require_row_count(std::span<const T> values) {
  if (values.size() <= static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max())) {
    return static_cast<std::int64_t>(values.size());
  }
  throw std::invalid_argument("an attribute has at most 2^31 - 1 rows, got " + std::to_string(values.size()));
}

void require_pointers(std::span<const std::int64_t> pointers, std::size_t rows, std::size_t entries, const char* what) {
  const bool framed =
      pointers.size() == rows + 1 && pointers.front() == 0 && pointers.back() == static_cast<std::int64_t>(entries);
  if (!framed || !std::is_sorted(pointers.begin(), pointers.end())) {
    throw std::invalid_argument(std::string(what) + " must be " + std::to_string(rows + 1) +
                                " numbers that rise from 0 to " + std::to_string(entries));
  }
}

void require_codes(std::span<const std::int32_t> codes, std::int32_t least, std::size_t distinct) {
  for (std::size_t i = 0; i < codes.size(); ++i) {
    if (codes[i] < least || codes[i] >= static_cast<std::int64_t>(distinct)) {
      throw std::invalid_argument("codes: entry " + std::to_string(i) + " is " + std::to_string(codes[i]) +
                                  "; must be " + std::to_string(least) + " to " + std::to_string(distinct) + " - 1");
    }
  }
}

/// Groups entries by code, those of one code in their order: row_of(i) is posted for entry i, unless its code is -1.
template <class RowOf>
void post(std::span<const std::int32_t> codes, std::size_t distinct, const RowOf& row_of,
          std::vector<std::int64_t>& pointers, std::vector<std::int32_t>& posted) {
  pointers.assign(distinct + 1, 0);
  for (const auto code : codes) {
    if (code >= 0) ++pointers[static_cast<std::size_t>(code) + 1];
  }
  for (std::size_t v = 0; v < distinct; ++v) pointers[v + 1] += pointers[v];
  posted.resize(static_cast<std::size_t>(pointers[distinct]));
  auto next = pointers;
  for (std::size_t i = 0; i < codes.size(); ++i) {
    if (codes[i] < 0) continue;
    posted[static_cast<std::size_t>(next[static_cast<std::size_t>(codes[i])]++)] = row_of(i);
  }
}

}  // namespace

std::string_view kind_name(AttributeKind kind) {
  switch (kind) {
    case AttributeKind::kText:
      return "text";
    case AttributeKind::kNumber:
      return "number";
    case AttributeKind::kBoolean:
      return "boolean";
    case AttributeKind::kTextList:
      break;
  }
  return "list of text";
}

AttributeColumn::AttributeColumn(AttributeKind kind, std::int64_t rows)
    : kind_(kind), rows_(rows), present_(words_for(rows)) {}

AttributeColumn AttributeColumn::numbers(std::span<const double> values) {
  AttributeColumn column(AttributeKind::kNumber, require_row_count(values));
  auto& rows = column.posted_;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (std::isinf(values[i])) throw std::invalid_argument("values: entry " + std::to_string(i) + " is infinite");
    if (std::isnan(values[i])) continue;
    rows.push_back(static_cast<std::int32_t>(i));
    set_bit(column.present_, static_cast<std::int64_t>(i));
  }
  const auto value_of = [&](std::int32_t row) { return values[static_cast<std::size_t>(row)]; };
  std::stable_sort(rows.begin(), rows.end(), [&](auto a, auto b) { return value_of(a) < value_of(b); });
  for (std::size_t place = 0; place < rows.size(); ++place) {
    const double value = value_of(rows[place]);
    if (!column.numbers_.empty() && column.numbers_.back() == value) continue;
    column.numbers_.push_back(value);
    column.pointers_.push_back(static_cast<std::int64_t>(place));
  }
  column.pointers_.push_back(static_cast<std::int64_t>(rows.size()));
  return column;
}

AttributeColumn AttributeColumn::booleans(std::span<const std::int8_t> values) {
  std::vector<double> as_numbers(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (values[i] < -1 || values[i] > 1) {
      throw std::invalid_argument("values: entry " + std::to_string(i) + " is " + std::to_string(values[i]) +
                                  "; must be 0, 1, or -1 for no value");
    }
    as_numbers[i] = values[i] < 0 ? std::numeric_limits<double>::quiet_NaN() : values[i];
  }
  AttributeColumn column = numbers(as_numbers);
  column.kind_ = AttributeKind::kBoolean;
  return column;
}

AttributeColumn AttributeColumn::texts(const TextDictionary& dictionary, std::span<const std::int32_t> codes) {
  AttributeColumn column(AttributeKind::kText, require_row_count(codes));
  column.set_dictionary(dictionary);
  const auto distinct = dictionary.offsets.size() - 1;
  require_codes(codes, -1, distinct);
  post(codes, distinct, [](std::size_t i) { return static_cast<std::int32_t>(i); }, column.pointers_, column.posted_);
  for (const auto row : column.posted_) set_bit(column.present_, row);
  return column;
}

AttributeColumn AttributeColumn::text_lists(const TextDictionary& dictionary, std::span<const std::int32_t> codes,
                                            std::span<const std::int64_t> pointers,
                                            std::span<const std::uint8_t> has_list) {
  AttributeColumn column(AttributeKind::kTextList, require_row_count(has_list));
  column.set_dictionary(dictionary);
  const auto distinct = dictionary.offsets.size() - 1;
  require_codes(codes, 0, distinct);
  require_pointers(pointers, has_list.size(), codes.size(), "pointers");
  std::vector<std::int32_t> rows(codes.size());
  for (std::size_t r = 0; r < has_list.size(); ++r) {
    if (has_list[r] != 0) set_bit(column.present_, static_cast<std::int64_t>(r));
    if (has_list[r] == 0 && pointers[r] != pointers[r + 1]) {
      throw std::invalid_argument("has_list: row " + std::to_string(r) + " has texts and no list");
    }
    std::fill(rows.begin() + pointers[r], rows.begin() + pointers[r + 1], static_cast<std::int32_t>(r));
  }
  post(codes, distinct, [&](std::size_t i) { return rows[i]; }, column.pointers_, column.posted_);
  return column;
}

void AttributeColumn::set_dictionary(const TextDictionary& dictionary) {
  const auto& [utf8, offsets] = dictionary;
  require_pointers(offsets, offsets.empty() ? 0 : offsets.size() - 1, utf8.size(), "offsets");
  text_.assign(utf8.begin(), utf8.end());
  text_offsets_.assign(offsets.begin(), offsets.end());
  for (std::size_t v = 0; v + 1 < offsets.size(); ++v) {
    if (!is_utf8(text(v))) throw std::invalid_argument("dictionary: value " + std::to_string(v) + " is not UTF-8");
    if (v > 0 && text(v - 1) >= text(v)) {
      throw std::invalid_argument("dictionary: value " + std::to_string(v) + " does not rise");
    }
  }
}

std::int64_t AttributeColumn::bytes() const {
  return bytes_of(text_) + bytes_of(text_offsets_) + bytes_of(numbers_) + bytes_of(pointers_) + bytes_of(posted_) +
         bytes_of(present_);
}

std::string_view AttributeColumn::text(std::size_t value) const {
  const auto first = text_offsets_[value];
  return {text_.data() + first, static_cast<std::size_t>(text_offsets_[value + 1] - first)};
}

AttributeColumn::ValueRange AttributeColumn::find_text(std::string_view wanted) const {
  std::size_t low = 0;
  std::size_t high = text_offsets_.empty() ? 0 : distinct();
  while (low < high) {
    const auto middle = low + (high - low) / 2;
    const auto held = text(middle);
    if (held == wanted) return {middle, middle + 1};
    if (held < wanted) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return {0, 0};
}

AttributeColumn::ValueRange AttributeColumn::find_numbers(double low, double high) const {
  const auto first = std::lower_bound(numbers_.begin(), numbers_.end(), low);
  const auto last = std::upper_bound(first, numbers_.end(), high);
  return {static_cast<std::size_t>(first - numbers_.begin()), static_cast<std::size_t>(last - numbers_.begin())};
}

void AttributeColumn::add_rows(ValueRange values, std::span<std::uint64_t> words) const {
  const auto first = static_cast<std::size_t>(pointers_[values.first]);
  const auto last = static_cast<std::size_t>(pointers_[values.second]);
  for (const auto row : std::span(posted_).subspan(first, last - first)) set_bit(words, row);
}

}  // namespace recstream
