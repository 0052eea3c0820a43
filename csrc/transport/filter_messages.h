#pragma once

#include <cstdint>
#include <string_view>

#include "recstream/attribute_table.h"

namespace recstream::transport {

/// What one filter may hold; docs/server.md describes each.
struct FilterLimits {
  std::int64_t conditions;
  /// Of one condition.
  std::int64_t values;
  std::int64_t attribute_bytes;
};

/// Reads a Filter, and adds its conditions to those that are there, as protobuf merges a message that comes twice.
/// Tells whether it was accepted: what is, suits every model that has the attributes, and means what it means to the
/// Python server; everything else is that server's to judge.
bool read_filter(std::string_view bytes, const FilterLimits& limits, AttributeFilter& filter);

}  // namespace recstream::transport
