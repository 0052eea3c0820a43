#pragma once

#include <pybind11/pybind11.h>

#include <deque>
#include <string>
#include <vector>

#include "recstream/engine.h"

namespace recstream::bindings {

/// Events taken out of Python tuples, with copies of their texts, for use while the GIL is released.
class EventList {
 public:
  /// (state_version, user_id, session_id, item_id, weight, marks_seen[, time]). Throws TypeError for anything else.
  explicit EventList(pybind11::handle events);
  const std::vector<Event>& events() const { return events_; }

 private:
  std::deque<std::string> texts_;
  std::vector<Event> events_;
};

class RecentEventList {
 public:
  /// (item_id, weight, marks_seen[, time]). Throws TypeError for anything else.
  explicit RecentEventList(pybind11::handle events);
  const std::vector<RecentEvent>& events() const { return events_; }

 private:
  std::deque<std::string> texts_;
  std::vector<RecentEvent> events_;
};

}  // namespace recstream::bindings
