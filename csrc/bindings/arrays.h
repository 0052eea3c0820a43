#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "recstream/matrix_view.h"

// Arrays are borrowed as they are, or refused with a TypeError: never cast, never copied. Whoever keeps a view keeps
// the object alive with py::keep_alive; a call's own arguments live as long as the call.

namespace recstream::bindings {

namespace py = pybind11;

/// Throws TypeError unless `object` is an aligned, C-contiguous array of this dtype and number of dimensions.
void require_array(py::handle object, const char* name, const py::dtype& dtype, py::ssize_t dimensions);

template <class T>
std::span<const T> borrow_vector(py::handle object, const char* name) {
  require_array(object, name, py::dtype::of<T>(), 1);
  const auto array = py::reinterpret_borrow<py::array>(object);
  return {static_cast<const T*>(array.data()), static_cast<std::size_t>(array.size())};
}

/// float32, two dimensions.
MatrixView borrow_matrix(py::handle object, const char* name);

/// Array that owns the memory of a vector.
template <class T>
py::array_t<T> to_array(std::vector<T> values) {
  auto owned = std::make_unique<std::vector<T>>(std::move(values));
  const py::capsule owner(owned.get(), [](void* memory) { delete static_cast<std::vector<T>*>(memory); });
  auto* kept = owned.release();
  return py::array_t<T>(static_cast<py::ssize_t>(kept->size()), kept->data(), owner);
}

}  // namespace recstream::bindings
