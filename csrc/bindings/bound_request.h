#pragma once

#include <optional>
#include <string>

#include "bindings/bound_filter.h"
#include "bindings/event_lists.h"
#include "bindings/texts.h"
#include "recstream/engine.h"

namespace recstream::bindings {

/// (state_version, vector) or None; views the array.
std::optional<EncodedVector> view_encoded(py::handle encoded);

/// What `Engine.recommend` is given, with copies of its texts, for use while the GIL is released. Views the arrays and
/// the filter.
class BoundRequest {
 public:
  BoundRequest(py::handle user_id, py::handle session_id, std::int64_t k, py::handle candidates,
               py::handle candidate_rows, py::handle exclude, bool exclude_seen, py::handle recent_events,
               py::handle encoded, const BoundFilter* allow);
  BoundRequest(const BoundRequest&) = delete;
  BoundRequest& operator=(const BoundRequest&) = delete;

  const RecommendRequest& request() const { return request_; }

 private:
  const std::string user_id_;
  const std::string session_id_;
  const TextList exclude_;
  const RecentEventList recent_events_;
  std::optional<TextList> candidate_ids_;
  RecommendRequest request_;
};

}  // namespace recstream::bindings
