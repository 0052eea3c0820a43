#include "recstream/attribute_table.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <span>
#include <stdexcept>
#include <unordered_set>

#include "attributes/filter_cache.h"
#include "attributes/filter_key.h"
#include "bitmap.h"

namespace recstream {
namespace {

using Words = std::vector<std::uint64_t>;

/// Adds the rows of a column that pass a test.
class Matcher {
 public:
  Matcher(const Condition& condition, const AttributeColumn& column, Words& words)
      : condition_(condition), column_(column), words_(words) {}

  void operator()(const EqualsAnyText& test) const {
    require(column_.kind() == AttributeKind::kText || column_.kind() == AttributeKind::kTextList, "texts");
    for (const auto& value : test.values) column_.add_rows(column_.find_text(value), words_);
  }

  void operator()(const EqualsAnyNumber& test) const {
    require(column_.kind() == AttributeKind::kNumber, "numbers");
    for (const double value : test.values) {
      require_number(value);
      column_.add_rows(column_.find_numbers(value, value), words_);
    }
  }

  void operator()(const EqualsAnyBoolean& test) const {
    require(column_.kind() == AttributeKind::kBoolean, "booleans");
    if (test.has_false) column_.add_rows(column_.find_numbers(0, 0), words_);
    if (test.has_true) column_.add_rows(column_.find_numbers(1, 1), words_);
  }

  void operator()(const InRange& test) const {
    require(column_.kind() == AttributeKind::kNumber, "a range");
    require_number(test.low);
    require_number(test.high);
    if (test.low <= test.high) column_.add_rows(column_.find_numbers(test.low, test.high), words_);
  }

  void operator()(const Exists& test) const {
    const auto present = column_.present();
    if (!test.exists) words_ = all_bits(column_.rows());
    for (std::size_t w = 0; w < present.size(); ++w) words_[w] ^= present[w];
  }

 private:
  void require(bool suits, const char* test) const {
    if (suits) return;
    throw std::invalid_argument("attribute '" + condition_.attribute + "' is " +
                                std::string(kind_name(column_.kind())) + ", and cannot be compared with " + test);
  }

  void require_number(double value) const {
    if (std::isnan(value)) throw std::invalid_argument("attribute '" + condition_.attribute + "' is compared with NaN");
  }

  const Condition& condition_;
  const AttributeColumn& column_;
  Words& words_;
};

/// Of equal conditions only one is kept.
void sort_by_key(std::vector<KeyedCondition>& conditions) {
  std::sort(conditions.begin(), conditions.end(), [](const auto& a, const auto& b) { return a.key < b.key; });
  const auto same = [](const auto& a, const auto& b) { return a.key == b.key; };
  conditions.erase(std::unique(conditions.begin(), conditions.end(), same), conditions.end());
}

template <class Combine>
void combine(Words& words, std::span<const std::uint64_t> other, const Combine& operation) {
  for (std::size_t w = 0; w < words.size(); ++w) words[w] = operation(words[w], other[w]);
}

}  // namespace

AttributeTable::AttributeTable(std::vector<NamedColumn> columns, std::int64_t rows, std::int64_t cache_bytes)
    : columns_(std::move(columns)), rows_(rows), cache_(std::make_unique<FilterCache>(cache_bytes)) {
  if (rows < 0) throw std::invalid_argument("rows must be at least 0, got " + std::to_string(rows));
  if (cache_bytes < 0)
    throw std::invalid_argument("cache_bytes must be at least 0, got " + std::to_string(cache_bytes));
  std::unordered_set<std::string_view> names;
  for (const auto& [name, column] : columns_) {
    if (!names.insert(name).second) throw std::invalid_argument("attribute '" + name + "' is given twice");
    if (column->rows() != rows) {
      throw std::invalid_argument("attribute '" + name + "' has " + std::to_string(column->rows()) +
                                  " rows, the table " + std::to_string(rows));
    }
  }
}

AttributeTable::~AttributeTable() = default;

const AttributeColumn* AttributeTable::find(std::string_view name) const {
  const auto found =
      std::find_if(columns_.begin(), columns_.end(), [&](const auto& held) { return held.name == name; });
  return found == columns_.end() ? nullptr : found->column.get();
}

std::size_t AttributeTable::require(const std::string& name) const {
  const auto found =
      std::find_if(columns_.begin(), columns_.end(), [&](const auto& held) { return held.name == name; });
  if (found == columns_.end()) throw std::invalid_argument("there is no attribute '" + name + "'");
  return static_cast<std::size_t>(found - columns_.begin());
}

SharedFilter AttributeTable::compile(const AttributeFilter& filter) const {
  std::vector<KeyedCondition> parts[3];
  const std::vector<Condition>* given[] = {&filter.all_of, &filter.any_of, &filter.none_of};
  for (std::size_t p = 0; p < 3; ++p) {
    for (const auto& condition : *given[p]) {
      parts[p].push_back({.key = condition_key(require(condition.attribute), condition.test), .condition = &condition});
    }
    sort_by_key(parts[p]);
  }
  auto& [all_of, any_of, none_of] = parts;
  if (none_of.empty() && all_of.size() + any_of.size() == 1) return compile((all_of.empty() ? any_of : all_of).front());

  auto key = filter_key(all_of, any_of, none_of);
  if (auto known = cache_->find(key)) return known;
  Words words = all_bits(rows_);
  for (const auto& part : all_of) combine(words, compile(part)->words(), std::bit_and<>());
  if (!any_of.empty()) {
    Words any(words.size());
    for (const auto& part : any_of) combine(any, compile(part)->words(), std::bit_or<>());
    combine(words, any, std::bit_and<>());
  }
  for (const auto& part : none_of) {
    combine(words, compile(part)->words(), [](auto held, auto left_out) { return held & ~left_out; });
  }
  return cache_->insert(std::move(key), std::make_shared<const CompiledFilter>(std::move(words), rows_));
}

SharedFilter AttributeTable::compile(const KeyedCondition& keyed) const {
  if (auto known = cache_->find(keyed.key)) return known;
  const auto& condition = *keyed.condition;
  Words words(words_for(rows_));
  std::visit(Matcher(condition, *find(condition.attribute), words), condition.test);
  return cache_->insert(keyed.key, std::make_shared<const CompiledFilter>(std::move(words), rows_));
}

AttributeTableStats AttributeTable::stats() const {
  std::int64_t bytes = 0;
  for (const auto& held : columns_) bytes += held.column->bytes();
  const auto cache = cache_->stats();
  return {.rows = rows_,
          .bytes = bytes,
          .cache_entries = cache.entries,
          .cache_bytes = cache.bytes,
          .cache_hits = cache.hits,
          .cache_misses = cache.misses};
}

}  // namespace recstream
