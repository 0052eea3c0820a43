#include <limits>
#include <memory>
#include <new>
#include <optional>
#include <stdexcept>

#include "bindings/arrays.h"
#include "bindings/classes.h"
#include "bindings/texts.h"
#include "recstream/exact_index.h"

namespace recstream::bindings {
namespace {

std::unique_ptr<ExactIndex> make_index(py::handle vectors, int threads, py::handle level) {
  const auto rows = borrow_matrix(vectors, "vectors");
  const std::string name(level.is_none() ? std::string_view{} : view_text(level, "level"));
  if (!level.is_none() && name.empty()) throw std::invalid_argument("level must not be empty");
  const py::gil_scoped_release released;
  return std::make_unique<ExactIndex>(rows, threads, name);
}

void add_exclusions(std::vector<RowFilter>& filters, const py::tuple& exclude) {
  if (exclude.size() != filters.size()) {
    throw std::invalid_argument("exclude must have one array for each of the " + std::to_string(filters.size()) +
                                " queries, got " + std::to_string(exclude.size()));
  }
  for (std::size_t q = 0; q < filters.size(); ++q) {
    filters[q].exclude = borrow_vector<std::int64_t>(exclude[q], "exclude");
  }
}

void add_bitmaps(std::vector<RowFilter>& filters, py::handle allow) {
  const bool shared = py::isinstance<py::array>(allow) && py::reinterpret_borrow<py::array>(allow).ndim() == 1;
  require_array(allow, "allow", py::dtype::of<std::uint64_t>(), shared ? 1 : 2);
  const auto array = py::reinterpret_borrow<py::array>(allow);
  const auto* words = static_cast<const std::uint64_t*>(array.data());
  const auto width = static_cast<std::size_t>(array.shape(shared ? 0 : 1));
  if (!shared && static_cast<std::size_t>(array.shape(0)) != filters.size()) {
    throw std::invalid_argument("allow must have one row for each of the " + std::to_string(filters.size()) +
                                " queries, got " + std::to_string(array.shape(0)));
  }
  for (std::size_t q = 0; q < filters.size(); ++q)
    filters[q].allow = std::span(words + (shared ? 0 : q * width), width);
}

// Scores and rows of a batch, as `fill` writes them with the GIL released.
template <class Fill>
py::tuple found_arrays(std::int64_t queries, std::int64_t k, const Fill& fill) {
  if (k < 1) throw std::invalid_argument("k must be at least 1, got " + std::to_string(k));
  if (queries > 0 && k > std::numeric_limits<py::ssize_t>::max() / 8 / queries) throw std::bad_alloc();
  py::array_t<float> scores({queries, k});
  py::array_t<std::int64_t> rows({queries, k});
  auto* score_cells = scores.mutable_data();
  auto* row_cells = rows.mutable_data();
  {
    const py::gil_scoped_release released;
    fill(score_cells, row_cells);
  }
  return py::make_tuple(std::move(scores), std::move(rows));
}

py::tuple search(const ExactIndex& index, py::handle queries, std::int64_t k, py::handle exclude, py::handle allow) {
  const auto batch = borrow_matrix(queries, "queries");
  // The list may lose its arrays while the GIL is released.
  const py::tuple kept = exclude.is_none() ? py::tuple() : py::tuple(py::reinterpret_borrow<py::object>(exclude));
  std::vector<RowFilter> filters(static_cast<std::size_t>(batch.rows));
  if (!exclude.is_none()) add_exclusions(filters, kept);
  if (!allow.is_none()) add_bitmaps(filters, allow);
  return found_arrays(batch.rows, k,
                      [&](float* scores, std::int64_t* rows) { index.search(batch, k, filters, scores, rows); });
}

py::tuple rank(const ExactIndex& index, py::handle queries, py::handle candidates, std::int64_t k) {
  const auto batch = borrow_matrix(queries, "queries");
  require_array(candidates, "candidates", py::dtype::of<std::int64_t>(), 2);
  const auto array = py::reinterpret_borrow<py::array>(candidates);
  if (array.shape(0) != batch.rows) {
    throw std::invalid_argument("candidates must have one row for each of the " + std::to_string(batch.rows) +
                                " queries, got " + std::to_string(array.shape(0)));
  }
  const std::span proposed(static_cast<const std::int64_t*>(array.data()), static_cast<std::size_t>(array.size()));
  return found_arrays(batch.rows, k,
                      [&](float* scores, std::int64_t* rows) { index.rank_each(batch, proposed, k, scores, rows); });
}

py::array_t<float> vectors(const ExactIndex& index, py::handle rows) {
  const auto places = borrow_vector<std::int64_t>(rows, "rows");
  py::array_t<float> copied({static_cast<py::ssize_t>(places.size()), static_cast<py::ssize_t>(index.dimension())});
  auto* cells = copied.mutable_data();
  {
    const py::gil_scoped_release released;
    index.copy_vectors(places, cells);
  }
  return copied;
}

void upsert(ExactIndex& index, py::handle rows, py::handle vectors) {
  const auto places = borrow_vector<std::int64_t>(rows, "rows");
  const auto values = borrow_matrix(vectors, "vectors");
  const py::gil_scoped_release released;
  index.upsert(places, values);
}

void erase(ExactIndex& index, py::handle rows) {
  const auto places = borrow_vector<std::int64_t>(rows, "rows");
  const py::gil_scoped_release released;
  index.erase(places);
}

py::dict stats(const ExactIndex& index) {
  const auto stats = index.stats();
  py::dict dict;
  dict["rows"] = stats.rows;
  dict["deleted"] = stats.deleted;
  dict["dimension"] = stats.dimension;
  dict["level"] = stats.level;
  dict["bytes"] = stats.bytes;
  dict["changed"] = stats.changed;
  dict["merges"] = stats.merges;
  dict["scans"] = stats.scans;
  dict["passes"] = stats.passes;
  dict["mean_scanned"] = stats.mean_scanned;
  dict["mean_rescored"] = stats.mean_rescored;
  return dict;
}

}  // namespace

void bind_exact_index(py::module_& module) {
  make_class<ExactIndex>(module, "ExactIndex")
      .def(py::init(&make_index), py::arg("vectors"), py::kw_only(), py::arg("threads") = 0,
           py::arg("level") = py::none(), py::keep_alive<1, 2>())
      .def("search", &search, py::arg("queries"), py::arg("k"), py::kw_only(), py::arg("exclude") = py::none(),
           py::arg("allow") = py::none())
      .def("rank", &rank, py::arg("queries"), py::arg("candidates"), py::arg("k"))
      .def("vectors", &vectors, py::arg("rows"))
      .def("upsert", &upsert, py::arg("rows"), py::arg("vectors"))
      .def("delete", &erase, py::arg("rows"))
      .def("stats", &stats);
}

}  // namespace recstream::bindings
