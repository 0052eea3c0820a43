#pragma once

#include <pybind11/pybind11.h>

#include <vector>

#include "recstream/attribute_table.h"

namespace recstream::bindings {

/// Conditions out of Python tuples: (attribute, "equals_any", values), (attribute, "range", (low, high)) or
/// (attribute, "exists", whether). Values are of one type: str, bool, or float and int. Throws TypeError, naming the
/// part, for anything else, and std::invalid_argument for no values.
std::vector<Condition> to_conditions(pybind11::handle conditions, const char* part);

}  // namespace recstream::bindings
