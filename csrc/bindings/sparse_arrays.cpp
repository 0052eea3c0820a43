#include "bindings/sparse_arrays.h"

#include <string>

namespace recstream::bindings {

SparseView borrow_sparse(const py::tuple& matrix, const char* name) {
  if (matrix.size() != 3) throw py::type_error(std::string(name) + " must be a tuple (row pointers, columns, values)");
  const auto part = [&](std::size_t i) { return py::object(matrix[i]); };
  const auto named = [&](std::size_t i) { return std::string(name) + "[" + std::to_string(i) + "]"; };
  return {.pointers = borrow_vector<std::int64_t>(part(0), named(0).c_str()),
          .columns = borrow_vector<std::int32_t>(part(1), named(1).c_str()),
          .values = borrow_vector<float>(part(2), named(2).c_str())};
}

}  // namespace recstream::bindings
