#include "transport/filter_messages.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "transport/wire_reader.h"

namespace recstream::transport {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

constexpr std::uint8_t bytes_tag(int field) { return wire_tag(field, WireType::kBytes); }
constexpr std::uint8_t number_tag(int field) { return wire_tag(field, WireType::kFixed64); }

/// The fields of AttributeValues.
struct Values {
  std::vector<std::string> strings;
  std::vector<double> numbers;
  std::vector<bool> bools;

  std::size_t count() const { return strings.size() + numbers.size() + bools.size(); }
};

/// Numbers or flags are written behind each other, in one field.
template <class Read>
void read_packed(WireReader& reader, const Read& read) {
  WireReader packed(reader.bytes());
  while (!packed.at_end()) read(packed);
  if (packed.failed()) reader.fail();
}

bool read_values(std::string_view bytes, const FilterLimits& limits, Values& values) {
  WireReader reader(bytes);
  while (reader.next()) {
    switch (reader.tag()) {
      case bytes_tag(1):
        values.strings.emplace_back(reader.text());
        break;
      case bytes_tag(2):
        read_packed(reader, [&](WireReader& packed) { values.numbers.push_back(packed.number()); });
        break;
      case bytes_tag(3):
        read_packed(reader, [&](WireReader& packed) { values.bools.push_back(packed.boolean()); });
        break;
      default:
        reader.fail();
    }
    // At once: a text of two bytes takes 32 here.
    if (values.count() > static_cast<std::size_t>(limits.values)) reader.fail();
  }
  return !reader.failed() && values.count() > 0;
}

std::optional<AttributeTest> read_equals_any(std::string_view bytes, const FilterLimits& limits) {
  Values values;
  if (!read_values(bytes, limits, values)) return std::nullopt;
  auto& [strings, numbers, bools] = values;
  const auto count = values.count();
  if (strings.size() == count) return EqualsAnyText{std::move(strings)};
  if (bools.size() == count) {
    const auto given = [&](bool value) { return std::find(bools.begin(), bools.end(), value) != bools.end(); };
    return EqualsAnyBoolean{.has_false = given(false), .has_true = given(true)};
  }
  const bool comparable = numbers.size() == count && std::none_of(numbers.begin(), numbers.end(),
                                                                  [](double number) { return std::isnan(number); });
  return comparable ? std::optional<AttributeTest>(EqualsAnyNumber{std::move(numbers)}) : std::nullopt;
}

double finite(WireReader& reader) {
  const double number = reader.number();
  if (!std::isfinite(number)) reader.fail();
  return number;
}

/// An end that does not belong to the range is replaced by the next number inside.
std::optional<AttributeTest> read_range(std::string_view bytes) {
  WireReader reader(bytes);
  InRange range{.low = -kInfinity, .high = kInfinity};
  int lower = 0;
  int upper = 0;
  while (reader.next()) {
    switch (reader.tag()) {
      case number_tag(1):
        range.low = finite(reader), ++lower;
        break;
      case number_tag(2):
        range.low = std::nextafter(finite(reader), kInfinity), ++lower;
        break;
      case number_tag(3):
        range.high = finite(reader), ++upper;
        break;
      case number_tag(4):
        range.high = std::nextafter(finite(reader), -kInfinity), ++upper;
        break;
      default:
        reader.fail();
    }
  }
  // No serializer writes two lower or two upper ends.
  const bool valid = !reader.failed() && lower <= 1 && upper <= 1 && lower + upper > 0 && range.low <= range.high &&
                     range.low < kInfinity && range.high > -kInfinity;
  return valid ? std::optional<AttributeTest>(range) : std::nullopt;
}

bool read_condition(std::string_view bytes, const FilterLimits& limits, Condition& condition) {
  WireReader reader(bytes);
  int tests = 0;
  const auto take = [&](std::optional<AttributeTest> test) {
    ++tests;
    if (test) {
      condition.test = std::move(*test);
    } else {
      reader.fail();
    }
  };
  while (reader.next()) {
    switch (reader.tag()) {
      case bytes_tag(1):
        condition.attribute = reader.text();
        break;
      case bytes_tag(2):
        take(read_equals_any(reader.bytes(), limits));
        break;
      case bytes_tag(3):
        take(read_range(reader.bytes()));
        break;
      case wire_tag(4, WireType::kVarint):
        take(Exists{reader.boolean()});
        break;
      default:
        reader.fail();
    }
  }
  return !reader.failed() && tests == 1 && !condition.attribute.empty() &&
         condition.attribute.size() <= static_cast<std::size_t>(limits.attribute_bytes);
}

/// The part of a filter that a field of it belongs to; null for none.
std::vector<Condition>* part_of(AttributeFilter& filter, std::uint8_t tag) {
  switch (tag) {
    case bytes_tag(1):
      return &filter.all_of;
    case bytes_tag(2):
      return &filter.any_of;
    case bytes_tag(3):
      return &filter.none_of;
    default:
      return nullptr;
  }
}

}  // namespace

bool read_filter(std::string_view bytes, const FilterLimits& limits, AttributeFilter& filter) {
  WireReader reader(bytes);
  const auto has_room = [&] {
    return filter.all_of.size() + filter.any_of.size() + filter.none_of.size() <
           static_cast<std::size_t>(limits.conditions);
  };
  while (reader.next()) {
    auto* const part = part_of(filter, reader.tag());
    if (part == nullptr || !has_room() || !read_condition(reader.bytes(), limits, part->emplace_back())) reader.fail();
  }
  return !reader.failed();
}

}  // namespace recstream::transport
