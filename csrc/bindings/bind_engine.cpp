#include <cstdint>
#include <deque>
#include <exception>
#include <memory>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "bindings/arrays.h"
#include "bindings/bound_answer.h"
#include "bindings/bound_filter.h"
#include "bindings/bound_request.h"
#include "bindings/classes.h"
#include "bindings/event_lists.h"
#include "bindings/texts.h"
#include "recstream/engine.h"

namespace recstream::bindings {
namespace {

/// A matrix, or for None as many rows without numbers.
MatrixView borrow_vectors(py::handle vectors, const char* name, const IdTable& ids) {
  if (vectors.is_none()) return {.data = nullptr, .rows = ids.size(), .dimension = 0};
  return borrow_matrix(vectors, name);
}

std::unique_ptr<Engine> make_engine(const IdTable& item_ids, py::handle item_vectors, py::handle item_popularity,
                                    const IdTable& user_ids, py::handle user_vectors, const py::tuple& history,
                                    const UserEncoder* encoder, const NeighbourScorer* neighbours,
                                    std::int64_t max_history, std::int64_t max_sessions, std::int64_t kept_list_bytes,
                                    std::int64_t kept_list_min_items, int threads, std::int64_t trained_version) {
  if (history.size() != 3 && history.size() != 4) {
    throw py::type_error("history must be a tuple (row pointers, item rows, weights[, times])");
  }
  const EngineModel model{
      .item_ids = &item_ids,
      .item_vectors = borrow_vectors(item_vectors, "item_vectors", item_ids),
      .item_popularity = borrow_vector<float>(item_popularity, "item_popularity"),
      .user_ids = &user_ids,
      .user_vectors = borrow_vectors(user_vectors, "user_vectors", user_ids),
      .history_pointers = borrow_vector<std::int64_t>(py::object(history[0]), "history[0]"),
      .history_rows = borrow_vector<std::int32_t>(py::object(history[1]), "history[1]"),
      .history_weights = borrow_vector<float>(py::object(history[2]), "history[2]"),
      .history_times = history.size() == 3 ? std::span<const std::int64_t>{}
                                           : borrow_vector<std::int64_t>(py::object(history[3]), "history[3]"),
      .trained_version = trained_version,
      .encoder = encoder,
      .neighbours = neighbours,
  };
  const EngineOptions options{.max_history = max_history,
                              .max_sessions = max_sessions,
                              .kept_list_bytes = kept_list_bytes,
                              .kept_list_min_items = kept_list_min_items,
                              .threads = threads};
  const py::gil_scoped_release released;
  return std::make_unique<Engine>(model, options);
}

BoundAnswer recommend(const Engine& engine, py::handle user_id, py::handle session_id, std::int64_t k,
                      py::handle candidates, py::handle candidate_rows, py::handle exclude, bool exclude_seen,
                      py::handle recent_events, py::handle encoded, const BoundFilter* allow) {
  const BoundRequest bound(user_id, session_id, k, candidates, candidate_rows, exclude, exclude_seen, recent_events,
                           encoded, allow);
  Answer answer;
  {
    const py::gil_scoped_release released;
    answer = engine.recommend(bound.request());
  }
  return {answer, *engine.model().item_ids};
}

/// An answer, or the exception that `recommend` raises.
py::object to_object(const Recommendation& outcome, const IdTable& ids) {
  if (!outcome.failure) return py::cast(BoundAnswer(outcome.answer, ids));
  try {
    std::rethrow_exception(outcome.failure);
  } catch (const NotEncoded& error) {
    return py::module_::import("recstream._core").attr("NotEncodedError")(error.what());
  } catch (const std::invalid_argument& error) {
    return py::handle(PyExc_ValueError)(error.what());
  } catch (const std::bad_alloc& error) {
    return py::handle(PyExc_MemoryError)(error.what());
  }
}

py::list recommend_many(const Engine& engine, const py::list& requests) {
  std::deque<BoundRequest> bound;
  std::vector<RecommendRequest> all;
  const auto none = py::none();
  const auto nothing = py::tuple();
  for (const auto& item : requests) {
    if (!py::isinstance<py::dict>(item)) throw py::type_error("requests must be dicts of arguments of recommend");
    const auto given = py::reinterpret_borrow<py::dict>(item);
    std::size_t taken = 0;
    const auto value = [&](const char* name, const py::object& other) {
      taken += given.contains(name) ? 1 : 0;
      return given.contains(name) ? py::object(given[name]) : other;
    };
    bound.emplace_back(value("user_id", py::str()), value("session_id", py::str()),
                       py::cast<std::int64_t>(value("k", py::int_(10))), value("candidates", none),
                       value("candidate_rows", none), value("exclude", nothing),
                       py::cast<bool>(value("exclude_seen", py::bool_(true))), value("recent_events", nothing),
                       value("encoded", none), py::cast<const BoundFilter*>(value("allow", none)));
    if (taken != given.size()) throw py::type_error("requests hold what is no argument of recommend");
    all.push_back(bound.back().request());
  }
  std::vector<Recommendation> outcomes;
  {
    const py::gil_scoped_release released;
    outcomes = engine.recommend_many(all);
  }
  py::list results;
  for (const auto& outcome : outcomes) results.append(to_object(outcome, *engine.model().item_ids));
  return results;
}

py::object unencoded(const Engine& engine, py::handle user_id, py::handle session_id, py::handle recent_events) {
  const std::string user(view_text(user_id, "user_id"));
  const std::string session(view_text(session_id, "session_id"));
  const RecentEventList recent(recent_events);
  std::optional<Unencoded> needed;
  {
    const py::gil_scoped_release released;
    needed = engine.unencoded({.user_id = user, .session_id = session, .recent_events = recent.events()});
  }
  if (!needed) return py::none();
  return py::make_tuple(needed->state_version, to_array(std::move(needed->rows)), to_array(std::move(needed->weights)),
                        to_array(std::move(needed->times)));
}

py::tuple user_vector(const Engine& engine, py::handle user_id, py::handle session_id, py::handle recent_events,
                      py::handle encoded) {
  const std::string user(view_text(user_id, "user_id"));
  const std::string session(view_text(session_id, "session_id"));
  const RecentEventList recent(recent_events);
  const Subject subject{
      .user_id = user, .session_id = session, .recent_events = recent.events(), .encoded = view_encoded(encoded)};
  UserVector answer;
  {
    const py::gil_scoped_release released;
    answer = engine.user_vector(subject);
  }
  return py::make_tuple(answer.vector ? py::object(to_array(std::move(*answer.vector))) : py::none(),
                        answer.seen_count);
}

BoundAnswer similar(const Engine& engine, py::handle item_id, std::int64_t k, const BoundFilter* allow) {
  const auto& ids = *engine.model().item_ids;
  const auto row = ids.find(view_text(item_id, "item_id"));
  if (row < 0) {
    PyErr_SetObject(PyExc_KeyError, item_id.ptr());
    throw py::error_already_set();
  }
  Answer answer;
  {
    const py::gil_scoped_release released;
    answer = engine.similar(row, k, compiled(allow));
  }
  return {answer, ids};
}

void apply(Engine& engine, py::handle events) {
  const EventList list(events);
  const py::gil_scoped_release released;
  engine.apply(list.events());
}

py::memoryview snapshot(const Engine& engine) {
  std::unique_ptr<std::string> made;
  {
    const py::gil_scoped_release released;
    made = std::make_unique<std::string>(engine.snapshot());
  }
  const py::capsule owner(made.get(), [](void* bytes) {
    // Hundreds of megabytes take tens of milliseconds to give back, in which all of Python would wait.
    const py::gil_scoped_release released;
    delete static_cast<std::string*>(bytes);
  });
  const std::string& bytes = *made.release();
  const py::array_t<std::uint8_t> array(static_cast<py::ssize_t>(bytes.size()),
                                        reinterpret_cast<const std::uint8_t*>(bytes.data()), owner);
  array.attr("flags").attr("writeable") = false;
  return py::memoryview(array);
}

void restore(Engine& engine, const py::buffer& snapshot) {
  Py_buffer view;
  if (PyObject_GetBuffer(snapshot.ptr(), &view, PyBUF_SIMPLE) != 0) throw py::error_already_set();
  const std::unique_ptr<Py_buffer, void (*)(Py_buffer*)> held(&view, &PyBuffer_Release);
  const std::string_view bytes(static_cast<const char*>(view.buf), static_cast<std::size_t>(view.len));
  const py::gil_scoped_release released;
  engine.restore(bytes);
}

py::dict stats(const Engine& engine) {
  const auto stats = engine.stats();
  py::dict dict;
  dict["items"] = stats.items;
  dict["users_known"] = stats.users_known;
  dict["users_in_state"] = stats.users_in_state;
  dict["sessions_in_state"] = stats.sessions_in_state;
  dict["state_version"] = stats.state_version;
  dict["state_bytes"] = stats.state_bytes;
  dict["list_queries"] = stats.list_queries;
  dict["list_answers"] = stats.list_answers;
  dict["list_bytes"] = stats.list_bytes;
  return dict;
}

}  // namespace

void bind_engine(py::module_& module) {
  py::register_exception<NotEncoded>(module, "NotEncodedError", PyExc_RuntimeError);
  make_class<Engine>(module, "Engine")
      .def(py::init(&make_engine), py::kw_only(), py::arg("item_ids"), py::arg("item_vectors") = py::none(),
           py::arg("item_popularity"), py::arg("user_ids"), py::arg("user_vectors") = py::none(), py::arg("history"),
           py::arg("encoder") = py::none(), py::arg("neighbours") = py::none(), py::arg("max_history") = 1000,
           py::arg("max_sessions") = 1'000'000, py::arg("kept_list_bytes") = std::int64_t{64} << 20,
           py::arg("kept_list_min_items") = 100'000, py::arg("threads") = 0, py::arg("trained_version") = 0,
           py::keep_alive<1, 2>(), py::keep_alive<1, 3>(), py::keep_alive<1, 4>(), py::keep_alive<1, 5>(),
           py::keep_alive<1, 6>(), py::keep_alive<1, 7>(), py::keep_alive<1, 8>(), py::keep_alive<1, 9>())
      .def("recommend", &recommend, py::kw_only(), py::arg("user_id") = "", py::arg("session_id") = "",
           py::arg("k") = 10, py::arg("candidates") = py::none(), py::arg("candidate_rows") = py::none(),
           py::arg("exclude") = py::tuple(), py::arg("exclude_seen") = true, py::arg("recent_events") = py::tuple(),
           py::arg("encoded") = py::none(), py::arg("allow") = py::none())
      .def("recommend_many", &recommend_many, py::arg("requests"))
      .def("user_vector", &user_vector, py::kw_only(), py::arg("user_id") = "", py::arg("session_id") = "",
           py::arg("recent_events") = py::tuple(), py::arg("encoded") = py::none())
      .def("unencoded", &unencoded, py::kw_only(), py::arg("user_id") = "", py::arg("session_id") = "",
           py::arg("recent_events") = py::tuple())
      .def("similar", &similar, py::arg("item_id"), py::arg("k"), py::kw_only(), py::arg("allow") = py::none())
      .def("apply", &apply, py::arg("events"))
      .def_property_readonly("state_version", &Engine::state_version)
      .def("snapshot", &snapshot)
      .def("restore", &restore, py::arg("snapshot"))
      .def("stats", &stats);
}

}  // namespace recstream::bindings
