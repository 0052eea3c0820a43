#include "transport/bind_item_attributes.h"

#include <pybind11/stl.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "transport/item_attributes.h"

namespace py = pybind11;

namespace recstream::transport {
namespace {

/// Views the object.
std::string_view view_text(py::handle text) {
  Py_ssize_t size = 0;
  const char* utf8 = PyUnicode_AsUTF8AndSize(text.ptr(), &size);
  if (utf8 == nullptr) throw py::error_already_set();
  return {utf8, static_cast<std::size_t>(size)};
}

/// As `recstream_server.item_attributes.set_attribute`; nothing for None.
void add(ItemAttributes& attributes, std::size_t attribute, py::handle value) {
  if (value.is_none()) return;
  if (PyBool_Check(value.ptr())) return attributes.add_flag(attribute, value.ptr() == Py_True);
  if (PyUnicode_Check(value.ptr())) return attributes.add_text(attribute, view_text(value));
  if (!PyList_Check(value.ptr())) return attributes.add_number(attribute, py::cast<double>(value));
  std::vector<std::string_view> texts;
  for (const auto text : py::reinterpret_borrow<py::list>(value)) {
    if (!text.is_none()) texts.push_back(view_text(text));
  }
  attributes.add_texts(attribute, texts);
}

std::unique_ptr<ItemAttributes> make(const std::vector<std::string>& names, const py::iterable& slices) {
  auto attributes = std::make_unique<ItemAttributes>(names);
  for (const auto slice : slices) {
    const auto columns = py::cast<std::vector<py::list>>(slice);
    if (columns.size() != names.size()) throw py::value_error("slices: each has a column for each name");
    const auto rows = columns.empty() ? 0 : columns.front().size();
    for (std::size_t row = 0; row < rows; ++row) {
      for (std::size_t c = 0; c < columns.size(); ++c) add(*attributes, c, py::object(columns[c][row]));
      attributes->end_item();
    }
  }
  attributes->finish();
  return attributes;
}

py::bytes of_row(const ItemAttributes& attributes, std::int64_t row) {
  if (row < 0 || row >= attributes.items()) throw py::index_error("row");
  return attributes.of(row);
}

}  // namespace

void bind_item_attributes(py::module_& module) {
  py::class_<ItemAttributes>(module, "ItemAttributes", py::is_final(),
                             py::metaclass(reinterpret_cast<PyObject*>(&PyType_Type)))
      .def(py::init(&make), py::arg("names"), py::arg("slices"))
      .def_property_readonly("bytes", &ItemAttributes::bytes)
      .def("of_row", &of_row, py::arg("row"));
}

}  // namespace recstream::transport
