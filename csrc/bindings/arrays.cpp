#include "bindings/arrays.h"

namespace recstream::bindings {

void require_array(py::handle object, const char* name, const py::dtype& dtype, py::ssize_t dimensions) {
  const std::string wanted = std::string(name) + " must be a C-contiguous array of " +
                             py::cast<std::string>(dtype.attr("name")) + " with " + std::to_string(dimensions) +
                             (dimensions == 1 ? " dimension" : " dimensions");
  if (!py::isinstance<py::array>(object)) {
    throw py::type_error(wanted + ", got " + py::cast<std::string>(py::type::of(object).attr("__name__")));
  }
  const auto array = py::reinterpret_borrow<py::array>(object);
  if (!array.dtype().is(dtype) && !array.dtype().equal(dtype)) {
    throw py::type_error(wanted + ", got dtype " + py::cast<std::string>(py::str(array.dtype())));
  }
  if (array.ndim() != dimensions) {
    throw py::type_error(wanted + ", got " + std::to_string(array.ndim()));
  }
  constexpr int kAligned = py::detail::npy_api::NPY_ARRAY_ALIGNED_;
  if ((array.flags() & py::array::c_style) == 0 || (array.flags() & kAligned) == 0) {
    throw py::type_error(wanted + ", got another memory order; numpy.ascontiguousarray makes one");
  }
}

MatrixView borrow_matrix(py::handle object, const char* name) {
  require_array(object, name, py::dtype::of<float>(), 2);
  const auto array = py::reinterpret_borrow<py::array>(object);
  return {.data = static_cast<const float*>(array.data()), .rows = array.shape(0), .dimension = array.shape(1)};
}

}  // namespace recstream::bindings
