#pragma once

#include <pybind11/pybind11.h>

#include <string>
#include <string_view>
#include <vector>

namespace recstream::bindings {

namespace py = pybind11;

/// UTF-8 of a str; valid as long as the object. Throws TypeError for another type, and UnicodeEncodeError (a
/// ValueError) for lone surrogates.
std::string_view view_text(py::handle text, const char* name);

py::str to_str(std::string_view utf8);

/// Copies of texts, for use while the GIL is released: the list they came from may change meanwhile.
class TextList {
 public:
  /// Throws TypeError unless `texts` is a sequence of str, and not a str itself.
  TextList(py::handle texts, const char* name);

  const std::vector<std::string_view>& views() const { return views_; }

 private:
  std::string bytes_;
  std::vector<std::string_view> views_;
};

}  // namespace recstream::bindings
