#include "transport/bind_watch_hub.h"

#include <pybind11/stl.h>

#include <vector>

#include "transport/watch_hub.h"

namespace py = pybind11;

namespace recstream::transport {
namespace {

void notify(WatchHub& hub, const py::set& changed) {
  if (!hub.is_watched()) return;
  std::vector<WatchHub::Subject> subjects;
  subjects.reserve(changed.size());
  for (const auto pair : changed) subjects.push_back(py::cast<WatchHub::Subject>(pair));
  // The views are of strings that the set holds.
  const py::gil_scoped_release released;
  hub.notify(subjects);
}

}  // namespace

WatchHub& watch_hub_of(py::handle object) { return py::cast<WatchHub&>(object); }

void bind_watch_hub(py::module_& module) {
  py::class_<WatchHub>(module, "WatchHub", py::is_final(), py::metaclass(reinterpret_cast<PyObject*>(&PyType_Type)))
      .def(py::init<>())
      .def("notify", &notify, py::arg("changed"));
}

}  // namespace recstream::transport
