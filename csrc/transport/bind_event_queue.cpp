#include "transport/bind_event_queue.h"

#include <pybind11/stl.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "transport/event_queue.h"
#include "transport/status_message.h"

namespace py = pybind11;

namespace recstream::transport {
namespace {

/// Name, weight, marks_seen, positive_from.
using TypeTuple = std::tuple<std::string, double, bool, std::optional<double>>;

EventRules make_rules(const std::vector<TypeTuple>& types, std::int64_t id_bytes, std::int64_t token_bytes,
                      std::int64_t batch_requests) {
  EventRules rules{.id_bytes = id_bytes,
                   .token_bytes = token_bytes,
                   .batch_requests = batch_requests,
                   .types = {},
                   .type_numbers = {}};
  for (const auto& [name, weight, marks_seen, positive_from] : types) {
    rules.type_numbers.emplace(name, rules.types.size());
    rules.types.push_back({.weight = weight, .marks_seen = marks_seen, .positive_from = positive_from});
  }
  return rules;
}

/// The queue, and the names of its event types as Python has them.
struct BoundQueue {
  BoundQueue(const std::vector<TypeTuple>& types, std::int64_t id_bytes, std::int64_t token_bytes,
             std::int64_t batch_requests, std::int64_t limit, EventOutcome full, EventOutcome closed)
      : queue(make_rules(types, id_bytes, token_bytes, batch_requests), limit, std::move(full), std::move(closed)) {
    for (const auto& type : types) names.emplace_back(std::get<0>(type));
  }

  std::vector<py::str> names;
  EventQueue queue;
};

EventOutcome failure(const std::string& status) {
  return {
      .event_id = {}, .code = read_status(status).error_code(), .error = std::make_shared<const std::string>(status)};
}

std::unique_ptr<BoundQueue> make_queue(const std::vector<TypeTuple>& types, std::int64_t id_bytes,
                                       std::int64_t token_bytes, std::int64_t batch_requests, std::int64_t limit,
                                       const py::bytes& full, const py::bytes& closed) {
  return std::make_unique<BoundQueue>(types, id_bytes, token_bytes, batch_requests, limit, failure(full),
                                      failure(closed));
}

/// The fields of `recstream_server.event_log.NewEvent`; events with attributes do not come here.
py::tuple to_tuple(const QueuedEvent& event, const py::str& type) {
  return py::make_tuple(event.event_id, event.user_id, event.session_id, event.item_id, type, event.value,
                        event.time_us, event.attribution_token, "");
}

py::list take(BoundQueue& bound, std::size_t limit) {
  const auto events = bound.queue.take(limit);
  py::list list(events.size());
  for (std::size_t i = 0; i < events.size(); ++i) list[i] = to_tuple(*events[i], bound.names[events[i]->type]);
  return list;
}

/// (state_version, duplicate), or a serialized google.rpc.Status.
EventOutcome to_outcome(py::handle result) {
  if (py::isinstance<py::bytes>(result)) return failure(py::cast<std::string>(result));
  const auto [state_version, duplicate] = py::cast<std::pair<std::int64_t, bool>>(result);
  return {.event_id = {}, .state_version = state_version, .duplicate = duplicate, .error = nullptr};
}

void complete(BoundQueue& bound, const py::list& results) {
  std::vector<EventOutcome> outcomes;
  outcomes.reserve(results.size());
  for (const auto result : results) outcomes.push_back(to_outcome(result));
  const py::gil_scoped_release released;
  bound.queue.complete(std::move(outcomes));
}

}  // namespace

EventQueue& queue_of(py::handle object) { return py::cast<BoundQueue&>(object).queue; }

void bind_event_queue(py::module_& module) {
  py::class_<BoundQueue>(module, "EventQueue", py::is_final(), py::metaclass(reinterpret_cast<PyObject*>(&PyType_Type)))
      .def(py::init(&make_queue), py::kw_only(), py::arg("types"), py::arg("id_bytes"), py::arg("token_bytes"),
           py::arg("batch_requests"), py::arg("limit"), py::arg("full"), py::arg("closed"))
      .def_property_readonly("waiting", [](const BoundQueue& bound) { return bound.queue.waiting(); })
      .def_property_readonly("arrived", [](const BoundQueue& bound) { return bound.queue.arrived(); })
      .def_property_readonly("taken", [](const BoundQueue& bound) { return bound.queue.taken(); })
      .def(
          "wait", [](BoundQueue& bound, std::optional<double> timeout_s) { bound.queue.wait(timeout_s); },
          py::arg("timeout_s"), py::call_guard<py::gil_scoped_release>())
      .def("wake", [](BoundQueue& bound) { bound.queue.wake(); })
      .def(
          "share", [](BoundQueue& bound, std::int64_t others) { bound.queue.set_others(others); }, py::arg("others"))
      .def("take", &take, py::arg("limit"))
      .def("complete", &complete, py::arg("results"))
      // With the GIL: what `take` looks at must not vanish.
      .def("close", [](BoundQueue& bound) { bound.queue.close(); });
}

}  // namespace recstream::transport
