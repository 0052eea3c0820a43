#pragma once

#include "recstream/compiled_filter.h"

namespace recstream::bindings {

/// `_core.CompiledFilter`: shares a filter with the cache it came from.
struct BoundFilter {
  SharedFilter filter;
};

/// Null where Python gave None. Lives as long as the argument.
inline const CompiledFilter* compiled(const BoundFilter* filter) { return filter ? filter->filter.get() : nullptr; }

}  // namespace recstream::bindings
