#pragma once

#include <pybind11/pybind11.h>

namespace recstream::transport {

class WatchHub;

/// The hub of a `_transport.WatchHub`; borrowed from the object. Throws pybind11::cast_error for anything else.
WatchHub& watch_hub_of(pybind11::handle object);

void bind_watch_hub(pybind11::module_& module);

}  // namespace recstream::transport
