#pragma once

#include <pybind11/pybind11.h>

#include <cstdint>

#include "recstream/engine.h"

namespace recstream::bindings {

/// `_core.Answer`: a core answer as Python objects.
struct BoundAnswer {
  BoundAnswer(const Answer& answer, const IdTable& item_ids);

  pybind11::list item_ids;
  pybind11::list scores;
  pybind11::list rows;
  pybind11::list missing_item_ids;
  std::int64_t state_version;
  int fallback;
};

}  // namespace recstream::bindings
