#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include "transport/bind_event_queue.h"
#include "transport/bind_item_attributes.h"
#include "transport/bind_watch_hub.h"
#include "transport/front.h"
#include "transport/status_message.h"

namespace py = pybind11;

namespace recstream::transport {
namespace {

using PemTuple = std::tuple<std::string, std::string, std::optional<std::string>>;

std::optional<TlsFiles> tls_files(const std::optional<PemTuple>& given) {
  if (!given) return std::nullopt;
  const auto& [certificate_chain, private_key, client_ca] = *given;
  return TlsFiles{.certificate_chain = certificate_chain, .private_key = private_key, .client_ca = client_ca};
}

std::unique_ptr<Front> make_front(int listening, const std::string& upstream,
                                  std::vector<std::pair<std::string, int>> arguments, const Engine& engine,
                                  const AttributeTable& attribute_table, const ItemAttributes& item_attributes,
                                  const std::string& version, const std::string& token_head, bool is_exact,
                                  const py::dict& limits, const py::dict& refusals, std::vector<double> seconds,
                                  double slow_seconds, int workers, py::handle events, py::handle watchers,
                                  const std::optional<PemTuple>& tls) {
  const auto limit = [&](const char* name) { return py::cast<std::int64_t>(limits[name]); };
  const auto refusal = [&](const char* name) { return read_status(py::cast<std::string>(refusals[name])); };
  auto& queue = queue_of(events);
  const FrontOptions options{.listening = listening,
                             .connections = static_cast<std::size_t>(limit("connections")),
                             .tls = tls_files(tls),
                             .upstream = upstream,
                             .arguments = std::move(arguments),
                             .limits = {.id_bytes = limit("id_bytes"),
                                        .page_size = limit("page_size"),
                                        .candidate_item_ids = limit("candidate_item_ids"),
                                        .exclude_item_ids = limit("exclude_item_ids"),
                                        .recent_events = limit("recent_events"),
                                        .filter = {.conditions = limit("filter_conditions"),
                                                   .values = limit("filter_values"),
                                                   .attribute_bytes = limit("id_bytes")},
                                        .events = &queue.rules()},
                             .calls_in_flight = limit("calls_in_flight"),
                             .streams = limit("streams"),
                             .stream_messages = limit("stream_messages"),
                             .message_bytes = limit("message_bytes"),
                             .refusals = {.calls_overloaded = refusal("calls_overloaded"),
                                          .streams_overloaded = refusal("streams_overloaded"),
                                          .expired = refusal("expired"),
                                          .draining = refusal("draining")},
                             .seconds = std::move(seconds),
                             .slow_seconds = slow_seconds,
                             .workers = workers,
                             .batch_workers = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()))};
  const ServedModel model{.engine = &engine,
                          .attribute_table = &attribute_table,
                          .item_attributes = &item_attributes,
                          .labels = {.version = version, .token_head = token_head},
                          .is_exact = is_exact};
  auto& hub = watch_hub_of(watchers);
  const py::gil_scoped_release released;
  return std::make_unique<Front>(options, model, queue, hub);
}

template <class Counters>
std::vector<std::uint64_t> read_counters(const Counters& counters) {
  std::vector<std::uint64_t> values;
  values.reserve(counters.size());
  for (const auto& counter : counters) values.push_back(counter.load(std::memory_order_relaxed));
  return values;
}

py::list counts(const Front& front) {
  py::list rpcs;
  for (std::size_t i = 0; i < kRpcs.size(); ++i) {
    const auto& counts = front.state().counts[i];
    py::dict reasons;
    for (std::size_t reason = 1; reason < kForwardReasons; ++reason) {
      reasons[py::str(std::string(kForwardReasonNames[reason]))] = counts.forwarded[reason].load();
    }
    rpcs.append(py::make_tuple(kRpcs[i].path + 1, read_counters(counts.calls), read_counters(counts.messages), reasons,
                               read_counters(counts.took), static_cast<double>(counts.nanoseconds.load()) * 1e-9));
  }
  return rpcs;
}

/// (package.Service/Method, code, whether of messages, how many, seconds of the slowest, google.rpc.Status of the
/// first)
py::list take_log(Front& front) {
  py::list reports;
  for (const auto& report : front.take_log()) {
    reports.append(py::make_tuple(kind_of(report.rpc).path + 1, report.code, report.is_message, report.count,
                                  report.seconds, py::bytes(report.status)));
  }
  return reports;
}

}  // namespace
}  // namespace recstream::transport

PYBIND11_MODULE(_transport, module) {
  using recstream::transport::Front;
  // For the class of the engine.
  py::module_::import("recstream._core");
  recstream::transport::bind_event_queue(module);
  recstream::transport::bind_item_attributes(module);
  recstream::transport::bind_watch_hub(module);
  py::class_<Front>(module, "Front", py::is_final(), py::metaclass(reinterpret_cast<PyObject*>(&PyType_Type)))
      .def(py::init(&recstream::transport::make_front), py::kw_only(), py::arg("listening"), py::arg("upstream"),
           py::arg("arguments"), py::arg("engine"), py::arg("attribute_table"), py::arg("item_attributes"),
           py::arg("version"), py::arg("token_head"), py::arg("is_exact"), py::arg("limits"), py::arg("refusals"),
           py::arg("seconds"), py::arg("slow_seconds"), py::arg("workers"), py::arg("events"), py::arg("watchers"),
           py::arg("tls"), py::keep_alive<1, 5>(), py::keep_alive<1, 6>(), py::keep_alive<1, 7>(),
           py::keep_alive<1, 16>(), py::keep_alive<1, 17>())
      .def_property_readonly("calls", [](const Front& front) { return front.state().calls.inside(); })
      .def_property_readonly("streams", [](const Front& front) { return front.state().streams.inside(); })
      .def_property_readonly(
          "arrived", [](const Front& front) { return front.state().calls.arrived() + front.state().streams.arrived(); })
      .def("counts", &recstream::transport::counts)
      .def("take_log", &recstream::transport::take_log)
      .def("drain", &Front::drain, py::call_guard<py::gil_scoped_release>())
      .def("close", &Front::close)
      .def(
          "stop",
          [](Front& front, double grace_s) {
            front.stop(std::chrono::milliseconds(static_cast<std::int64_t>(grace_s * 1000)));
          },
          py::arg("grace_s"), py::call_guard<py::gil_scoped_release>());
}
