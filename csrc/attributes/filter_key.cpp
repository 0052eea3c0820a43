#include "attributes/filter_key.h"

#include <algorithm>
#include <vector>

#include "byte_codec.h"

namespace recstream {
namespace {

/// What a key begins with, so that no filter looks like a condition.
enum class KeyKind : std::uint8_t { kCondition, kFilter };

/// A byte for the kind of test, then what it compares with.
class TestWriter {
 public:
  explicit TestWriter(ByteWriter& writer) : writer_(writer) {}

  void operator()(const EqualsAnyText& test) {
    put_distinct(test.values, [&](const auto& value) { writer_.put_text(value); });
  }
  void operator()(const EqualsAnyNumber& test) {
    // Adding zero makes one zero of the two.
    put_distinct(test.values, [&](auto value) { writer_.put(value + 0.0); });
  }
  void operator()(const EqualsAnyBoolean& test) {
    writer_.put(test.has_false);
    writer_.put(test.has_true);
  }
  void operator()(const InRange& test) {
    writer_.put(test.low + 0.0);
    writer_.put(test.high + 0.0);
  }
  void operator()(const Exists& test) { writer_.put(test.exists); }

 private:
  template <class T, class Put>
  void put_distinct(const std::vector<T>& values, const Put& put) {
    auto sorted = values;
    std::sort(sorted.begin(), sorted.end());
    sorted.erase(std::unique(sorted.begin(), sorted.end()), sorted.end());
    for (const auto& value : sorted) put(value);
  }

  ByteWriter& writer_;
};

void put_keys(ByteWriter& writer, std::span<const KeyedCondition> conditions) {
  writer.put(static_cast<std::uint32_t>(conditions.size()));
  for (const auto& keyed : conditions) writer.put_text(keyed.key);
}

}  // namespace

std::string condition_key(std::size_t attribute, const AttributeTest& test) {
  ByteWriter writer;
  writer.put(static_cast<std::uint8_t>(KeyKind::kCondition));
  writer.put(static_cast<std::uint32_t>(attribute));
  writer.put(static_cast<std::uint8_t>(test.index()));
  std::visit(TestWriter(writer), test);
  return std::move(writer).take();
}

std::string filter_key(std::span<const KeyedCondition> all_of, std::span<const KeyedCondition> any_of,
                       std::span<const KeyedCondition> none_of) {
  ByteWriter writer;
  writer.put(static_cast<std::uint8_t>(KeyKind::kFilter));
  for (const auto& conditions : {all_of, any_of, none_of}) put_keys(writer, conditions);
  return std::move(writer).take();
}

}  // namespace recstream
