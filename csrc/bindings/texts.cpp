#include "bindings/texts.h"

#include <utility>

namespace recstream::bindings {

std::string_view view_text(py::handle text, const char* name) {
  if (!PyUnicode_Check(text.ptr())) {
    throw py::type_error(std::string(name) + " must be str, got " +
                         py::cast<std::string>(py::type::of(text).attr("__name__")));
  }
  Py_ssize_t size = 0;
  const char* utf8 = PyUnicode_AsUTF8AndSize(text.ptr(), &size);
  if (utf8 == nullptr) throw py::error_already_set();
  return {utf8, static_cast<std::size_t>(size)};
}

py::str to_str(std::string_view utf8) { return {utf8.data(), utf8.size()}; }

TextList::TextList(py::handle texts, const char* name) {
  if (!PySequence_Check(texts.ptr()) || PyUnicode_Check(texts.ptr())) {
    throw py::type_error(std::string(name) + " must be a sequence of str, got " +
                         py::cast<std::string>(py::type::of(texts).attr("__name__")));
  }
  std::vector<std::pair<std::size_t, std::size_t>> places;
  for (const auto item : py::reinterpret_borrow<py::sequence>(texts)) {
    const auto text = view_text(item, name);
    places.emplace_back(bytes_.size(), text.size());
    bytes_.append(text);
  }
  views_.reserve(places.size());
  for (const auto& [first, size] : places) views_.push_back(std::string_view(bytes_).substr(first, size));
}

}  // namespace recstream::bindings
