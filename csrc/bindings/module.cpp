#include <pybind11/pybind11.h>

#include "bindings/classes.h"
#include "recstream/engine.h"
#include "recstream/simd_level.h"

namespace py = pybind11;

PYBIND11_MODULE(_core, module) {
  using recstream::Fallback;
  module.attr("__version__") = RECSTREAM_VERSION;
  module.attr("FALLBACK_NONE") = static_cast<int>(Fallback::kNone);
  module.attr("FALLBACK_SESSION") = static_cast<int>(Fallback::kSession);
  module.attr("FALLBACK_POPULAR") = static_cast<int>(Fallback::kPopular);
  module.def("simd_levels", [] {
    py::list names;
    for (const auto& name : recstream::simd_levels()) names.append(name);
    return names;
  });
  recstream::bindings::bind_exact_index(module);
  recstream::bindings::bind_id_table(module);
  recstream::bindings::bind_user_encoder(module);
  recstream::bindings::bind_neighbour_scorer(module);
  recstream::bindings::bind_factor_sgd(module);
  recstream::bindings::bind_answer(module);
  recstream::bindings::bind_attribute_table(module);
  recstream::bindings::bind_engine(module);
}
