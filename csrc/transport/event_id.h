#pragma once

#include <string>

namespace recstream::transport {

/// An id for an event that comes without one, of the form that recstream/event_ids.py makes and gives the reasons for.
std::string new_event_id();

}  // namespace recstream::transport
