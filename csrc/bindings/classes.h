#pragma once

#include <pybind11/pybind11.h>

namespace recstream::bindings {

/// Options of every class: final, and of the ordinary metaclass, because none needs pybind11's static properties and
/// the stub then tells the truth about it.
template <class T>
pybind11::class_<T> make_class(pybind11::module_& module, const char* name) {
  return pybind11::class_<T>(module, name, pybind11::is_final(),
                             pybind11::metaclass(reinterpret_cast<PyObject*>(&PyType_Type)));
}

void bind_exact_index(pybind11::module_& module);
void bind_id_table(pybind11::module_& module);
void bind_user_encoder(pybind11::module_& module);
void bind_neighbour_scorer(pybind11::module_& module);
void bind_factor_sgd(pybind11::module_& module);
void bind_answer(pybind11::module_& module);
void bind_attribute_table(pybind11::module_& module);
void bind_engine(pybind11::module_& module);

}  // namespace recstream::bindings
