#include "bindings/bound_answer.h"
#include "bindings/classes.h"
#include "bindings/texts.h"

namespace recstream::bindings {

BoundAnswer::BoundAnswer(const Answer& answer, const IdTable& ids)
    : item_ids(answer.rows.size()),
      scores(answer.rows.size()),
      rows(answer.rows.size()),
      missing_item_ids(answer.missing.size()),
      state_version(answer.state_version),
      fallback(static_cast<int>(answer.fallback)) {
  for (std::size_t i = 0; i < answer.rows.size(); ++i) {
    item_ids[i] = to_str(ids.id(answer.rows[i]));
    scores[i] = static_cast<double>(answer.scores[i]);
    rows[i] = answer.rows[i];
  }
  for (std::size_t i = 0; i < answer.missing.size(); ++i) missing_item_ids[i] = to_str(answer.missing[i]);
}

void bind_answer(py::module_& module) {
  make_class<BoundAnswer>(module, "Answer")
      .def_readonly("item_ids", &BoundAnswer::item_ids)
      .def_readonly("scores", &BoundAnswer::scores)
      .def_readonly("rows", &BoundAnswer::rows)
      .def_readonly("state_version", &BoundAnswer::state_version)
      .def_readonly("fallback", &BoundAnswer::fallback)
      .def_readonly("missing_item_ids", &BoundAnswer::missing_item_ids);
}

}  // namespace recstream::bindings
