#include <memory>
#include <stdexcept>

#include "bindings/arrays.h"
#include "bindings/classes.h"
#include "bindings/texts.h"
#include "recstream/id_table.h"

namespace recstream::bindings {
namespace {

py::array_t<std::int64_t> rows_of(const IdTable& table, py::handle ids) {
  const TextList texts(ids, "ids");
  std::vector<std::int64_t> rows;
  {
    const py::gil_scoped_release released;
    rows.reserve(texts.views().size());
    for (const auto id : texts.views()) rows.push_back(table.find(id));
  }
  return to_array(std::move(rows));
}

py::list ids_of(const IdTable& table, py::handle rows) {
  py::list ids;
  for (const auto row : borrow_vector<std::int64_t>(rows, "rows")) {
    if (row < 0 || row >= table.size()) {
      throw std::invalid_argument("rows: " + std::to_string(row) + " is not a row of the table of " +
                                  std::to_string(table.size()) + " ids");
    }
    ids.append(to_str(table.id(row)));
  }
  return ids;
}

std::unique_ptr<IdTable> make_id_table(py::handle utf8, py::handle offsets) {
  const auto text = borrow_vector<std::uint8_t>(utf8, "utf8");
  const auto places = borrow_vector<std::int64_t>(offsets, "offsets");
  const py::gil_scoped_release released;
  return std::make_unique<IdTable>(text, places);
}

}  // namespace

void bind_id_table(py::module_& module) {
  make_class<IdTable>(module, "IdTable")
      .def(py::init(&make_id_table), py::arg("utf8"), py::arg("offsets"), py::keep_alive<1, 2>(),
           py::keep_alive<1, 3>())
      .def("__len__", &IdTable::size)
      .def(
          "find", [](const IdTable& table, py::handle text) { return table.find(view_text(text, "text")); },
          py::arg("text"))
      .def("rows", &rows_of, py::arg("ids"))
      .def("ids", &ids_of, py::arg("rows"));
}

}  // namespace recstream::bindings
