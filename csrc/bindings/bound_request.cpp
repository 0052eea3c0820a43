#include "bindings/bound_request.h"

#include "bindings/arrays.h"

namespace recstream::bindings {

std::optional<EncodedVector> view_encoded(py::handle encoded) {
  if (encoded.is_none()) return std::nullopt;
  if (!py::isinstance<py::tuple>(encoded) || py::len(encoded) != 2) {
    throw py::type_error("encoded must be a tuple (state_version, vector)");
  }
  const auto pair = py::reinterpret_borrow<py::tuple>(encoded);
  return EncodedVector{.state_version = py::cast<std::int64_t>(pair[0]),
                       .vector = borrow_vector<float>(py::object(pair[1]), "encoded[1]")};
}

BoundRequest::BoundRequest(py::handle user_id, py::handle session_id, std::int64_t k, py::handle candidates,
                           py::handle candidate_rows, py::handle exclude, bool exclude_seen, py::handle recent_events,
                           py::handle encoded, const BoundFilter* allow)
    : user_id_(view_text(user_id, "user_id")),
      session_id_(view_text(session_id, "session_id")),
      exclude_(exclude, "exclude"),
      recent_events_(recent_events),
      request_{.subject = {.user_id = user_id_,
                           .session_id = session_id_,
                           .recent_events = recent_events_.events(),
                           .encoded = view_encoded(encoded)},
               .k = k,
               .candidate_ids = {},
               .candidate_rows = {},
               .exclude = exclude_.views(),
               .exclude_seen = exclude_seen,
               .filter = compiled(allow)} {
  if (!candidates.is_none()) {
    candidate_ids_.emplace(candidates, "candidates");
    request_.candidate_ids = candidate_ids_->views();
  }
  if (!candidate_rows.is_none()) {
    request_.candidate_rows = borrow_vector<std::int64_t>(candidate_rows, "candidate_rows");
  }
}

}  // namespace recstream::bindings
