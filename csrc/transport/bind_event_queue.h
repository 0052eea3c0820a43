#pragma once

#include <pybind11/pybind11.h>

#include "transport/event_queue.h"

namespace recstream::transport {

/// Adds the class EventQueue.
void bind_event_queue(pybind11::module_& module);

/// The queue in an object of that class; throws for another one.
EventQueue& queue_of(pybind11::handle object);

}  // namespace recstream::transport
