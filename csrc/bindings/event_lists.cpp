#include "bindings/event_lists.h"

#include <stdexcept>

#include "bindings/texts.h"

namespace recstream::bindings {
namespace {

py::sequence require_sequence(py::handle object, const char* name) {
  if (!PySequence_Check(object.ptr()) || PyUnicode_Check(object.ptr())) {
    throw py::type_error(std::string(name) + " must be a sequence of tuples, got " +
                         py::cast<std::string>(py::type::of(object).attr("__name__")));
  }
  return py::reinterpret_borrow<py::sequence>(object);
}

/// The fields of one event, each with its type checked.
class EventTuple {
 public:
  /// With `count` fields, and a time after them where one is known.
  EventTuple(py::handle event, const char* name, const char* fields, std::size_t count)
      : name_(name), fields_(fields), count_(count) {
    if (!py::isinstance<py::tuple>(event)) refuse();
    tuple_ = py::reinterpret_borrow<py::tuple>(event);
    if (tuple_.size() != count && tuple_.size() != count + 1) refuse();
  }

  std::int64_t time() const { return tuple_.size() == count_ ? 0 : integer(count_); }

  std::string_view text(std::size_t i) const { return view_text(tuple_[i], name_); }

  std::int64_t integer(std::size_t i) const {
    const py::object value = tuple_[i];
    if (!PyLong_Check(value.ptr()) || PyBool_Check(value.ptr())) refuse();
    int overflow = 0;
    const long long number = PyLong_AsLongLongAndOverflow(value.ptr(), &overflow);
    if (overflow != 0) throw std::invalid_argument(std::string(name_) + ": a whole number must fit into 64 bits");
    return number;
  }

  double number(std::size_t i) const {
    const double value = PyFloat_AsDouble(py::object(tuple_[i]).ptr());
    if (value == -1.0 && PyErr_Occurred() != nullptr) throw py::error_already_set();
    return value;
  }

  bool flag(std::size_t i) const {
    if (!PyBool_Check(py::object(tuple_[i]).ptr())) refuse();
    return py::object(tuple_[i]).is(py::bool_(true));
  }

 private:
  [[noreturn]] void refuse() const {
    throw py::type_error(std::string(name_) + ": each must be a tuple (" + fields_ + "[, time])");
  }

  const char* name_;
  const char* fields_;
  std::size_t count_;
  py::tuple tuple_;
};

}  // namespace

EventList::EventList(py::handle events) {
  const auto keep = [&](std::string_view text) { return std::string_view(texts_.emplace_back(text)); };
  for (const auto item : require_sequence(events, "events")) {
    const EventTuple event(item, "events", "state_version, user_id, session_id, item_id, weight, marks_seen", 6);
    events_.push_back({.version = event.integer(0),
                       .user_id = keep(event.text(1)),
                       .session_id = keep(event.text(2)),
                       .item_id = keep(event.text(3)),
                       .weight = event.number(4),
                       .marks_seen = event.flag(5),
                       .time = event.time()});
  }
}

RecentEventList::RecentEventList(py::handle events) {
  for (const auto item : require_sequence(events, "recent_events")) {
    const EventTuple event(item, "recent_events", "item_id, weight, marks_seen", 3);
    events_.push_back({.item_id = texts_.emplace_back(event.text(0)),
                       .weight = event.number(1),
                       .marks_seen = event.flag(2),
                       .time = event.time()});
  }
}

}  // namespace recstream::bindings
