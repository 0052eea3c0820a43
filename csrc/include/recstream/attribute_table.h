#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "recstream/attribute_column.h"
#include "recstream/compiled_filter.h"

namespace recstream {

class FilterCache;
struct KeyedCondition;

/// Tests of an attribute. A row without a value passes none of them but `Exists{false}`; a list passes when one of its
/// texts does.
struct EqualsAnyText {
  std::vector<std::string> values;
};
struct EqualsAnyNumber {
  std::vector<double> values;
};
struct EqualsAnyBoolean {
  bool has_false = false;
  bool has_true = false;
};
/// Both ends belong to it; an infinite end leaves it open.
struct InRange {
  double low;
  double high;
};
struct Exists {
  bool exists;
};
using AttributeTest = std::variant<EqualsAnyText, EqualsAnyNumber, EqualsAnyBoolean, InRange, Exists>;

struct Condition {
  std::string attribute;
  AttributeTest test;
};

/// Passes rows that meet all of `all_of`, one of `any_of` unless that is empty, and none of `none_of`.
struct AttributeFilter {
  std::vector<Condition> all_of;
  std::vector<Condition> any_of;
  std::vector<Condition> none_of;
};

struct NamedColumn {
  std::string name;
  std::shared_ptr<const AttributeColumn> column;
};

struct AttributeTableStats {
  std::int64_t rows;
  /// Of the columns.
  std::int64_t bytes;
  /// Compiled conditions and filters that are kept, and their bytes.
  std::int64_t cache_entries;
  std::int64_t cache_bytes;
  /// Look-ups of conditions and filters, since the start.
  std::int64_t cache_hits;
  std::int64_t cache_misses;
};

/// The attributes of all items, and the filters compiled over them. Safe to use from many threads.
class AttributeTable {
 public:
  /// Compiled filters are kept up to `cache_bytes`, those used longest ago leave first. Throws std::invalid_argument
  /// for columns of other lengths than `rows`, a name given twice, or a negative number.
  AttributeTable(std::vector<NamedColumn> columns, std::int64_t rows, std::int64_t cache_bytes);
  ~AttributeTable();
  AttributeTable(const AttributeTable&) = delete;
  AttributeTable& operator=(const AttributeTable&) = delete;

  /// Throws std::invalid_argument, naming the attribute, for one that is not there, a test that does not suit its kind,
  /// and NaN. O(rows that match a condition + conditions * rows / 64) where nothing is cached, else O(conditions).
  SharedFilter compile(const AttributeFilter& filter) const;

  /// In the order given.
  const std::vector<NamedColumn>& columns() const { return columns_; }
  /// Null when there is no such attribute.
  const AttributeColumn* find(std::string_view name) const;
  AttributeTableStats stats() const;

 private:
  SharedFilter compile(const KeyedCondition& keyed) const;
  std::size_t require(const std::string& name) const;

  const std::vector<NamedColumn> columns_;
  const std::int64_t rows_;
  const std::unique_ptr<FilterCache> cache_;
};

}  // namespace recstream
