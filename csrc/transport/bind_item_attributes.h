#pragma once

#include <pybind11/pybind11.h>

namespace recstream::transport {

/// Adds the class ItemAttributes.
void bind_item_attributes(pybind11::module_& module);

}  // namespace recstream::transport
