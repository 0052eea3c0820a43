#pragma once

#include "bindings/arrays.h"
#include "recstream/sparse_view.h"

namespace recstream::bindings {

/// A tuple (int64 row pointers, int32 columns, float32 values), borrowed or refused as single arrays are. Throws
/// TypeError.
SparseView borrow_sparse(const py::tuple& matrix, const char* name);

}  // namespace recstream::bindings
