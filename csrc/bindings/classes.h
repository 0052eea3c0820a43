#pragma once

#include <pybind11/pybind11.h>

namespace recstream::bindings {

void bind_exact_index(pybind11::module_& module);
void bind_id_table(pybind11::module_& module);
void bind_user_encoder(pybind11::module_& module);
void bind_answer(pybind11::module_& module);
void bind_engine(pybind11::module_& module);

}  // namespace recstream::bindings
