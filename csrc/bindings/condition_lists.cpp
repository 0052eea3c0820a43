#include "bindings/condition_lists.h"

#include <stdexcept>
#include <string>

#include "bindings/texts.h"

namespace recstream::bindings {
namespace {

py::sequence require_list(py::handle object, const char* part) {
  if (PyList_Check(object.ptr()) || PyTuple_Check(object.ptr())) return py::reinterpret_borrow<py::sequence>(object);
  throw py::type_error(std::string(part) + " must be a list or a tuple, got " +
                       py::cast<std::string>(py::type::of(object).attr("__name__")));
}

double to_number(py::handle value, const char* part) {
  if (!PyFloat_Check(value.ptr()) && (!PyLong_Check(value.ptr()) || PyBool_Check(value.ptr()))) {
    throw py::type_error(std::string(part) + ": expected a number, got " +
                         py::cast<std::string>(py::type::of(value).attr("__name__")));
  }
  const double number = PyFloat_AsDouble(value.ptr());
  if (number == -1.0 && PyErr_Occurred() != nullptr) throw py::error_already_set();
  return number;
}

bool to_flag(py::handle value, const char* part) {
  if (PyBool_Check(value.ptr())) return value.ptr() == Py_True;
  throw py::type_error(std::string(part) + ": expected a bool, got " +
                       py::cast<std::string>(py::type::of(value).attr("__name__")));
}

AttributeTest to_equals_any(py::handle given, const char* part) {
  const auto values = require_list(given, part);
  if (values.empty()) throw std::invalid_argument(std::string(part) + ": equals_any has no values");
  const py::object first = values[0];
  if (PyUnicode_Check(first.ptr())) {
    EqualsAnyText test;
    for (const auto value : values) test.values.emplace_back(view_text(value, part));
    return test;
  }
  if (PyBool_Check(first.ptr())) {
    EqualsAnyBoolean test;
    for (const auto value : values) (to_flag(value, part) ? test.has_true : test.has_false) = true;
    return test;
  }
  EqualsAnyNumber test;
  for (const auto value : values) test.values.push_back(to_number(value, part));
  return test;
}

AttributeTest to_test(std::string_view kind, py::handle given, const char* part) {
  if (kind == "equals_any") return to_equals_any(given, part);
  if (kind == "exists") return Exists{to_flag(given, part)};
  if (kind != "range") {
    throw std::invalid_argument(std::string(part) + ": a condition is equals_any, range or exists, not " +
                                std::string(kind));
  }
  const auto ends = require_list(given, part);
  if (ends.size() != 2) throw py::type_error(std::string(part) + ": a range is (low, high)");
  return InRange{.low = to_number(ends[0], part), .high = to_number(ends[1], part)};
}

}  // namespace

std::vector<Condition> to_conditions(py::handle conditions, const char* part) {
  std::vector<Condition> list;
  for (const auto item : require_list(conditions, part)) {
    if (!PyTuple_Check(item.ptr()) || PyTuple_Size(item.ptr()) != 3) {
      throw py::type_error(std::string(part) + ": each must be a tuple (attribute, kind of test, what to test for)");
    }
    const auto condition = py::reinterpret_borrow<py::tuple>(item);
    const py::object attribute = condition[0];
    const py::object kind = condition[1];
    list.push_back({.attribute = std::string(view_text(attribute, part)),
                    .test = to_test(view_text(kind, part), condition[2], part)});
  }
  return list;
}

}  // namespace recstream::bindings
