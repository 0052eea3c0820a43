#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "recstream/attribute_table.h"

namespace recstream {

/// A condition and the bytes that stand for it.
struct KeyedCondition {
  std::string key;
  const Condition* condition;
};

/// The same bytes for tests of one attribute that differ in the order or the repetition of their values, and for no
/// others. `attribute` is its place in the table.
std::string condition_key(std::size_t attribute, const AttributeTest& test);

/// Likewise for filters. The conditions of each part are in the order of their keys, without repetition.
std::string filter_key(std::span<const KeyedCondition> all_of, std::span<const KeyedCondition> any_of,
                       std::span<const KeyedCondition> none_of);

}  // namespace recstream
