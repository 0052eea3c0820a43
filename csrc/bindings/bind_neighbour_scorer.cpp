#include <memory>
#include <vector>

#include "bindings/arrays.h"
#include "bindings/classes.h"
#include "bindings/sparse_arrays.h"
#include "recstream/neighbour_scorer.h"

namespace recstream::bindings {
namespace {

std::unique_ptr<NeighbourScorer> item_neighbours(const py::tuple& similarity) {
  const auto matrix = borrow_sparse(similarity, "similarity");
  const py::gil_scoped_release released;
  return make_item_neighbours(matrix);
}

std::unique_ptr<NeighbourScorer> user_neighbours(const py::tuple& profiles, const py::tuple& votes,
                                                 std::int64_t item_count, std::int64_t neighbours, double shrinkage) {
  const auto matched = borrow_sparse(profiles, "profiles");
  const auto voting = borrow_sparse(votes, "votes");
  const py::gil_scoped_release released;
  return make_user_neighbours(matched, voting, item_count, {.neighbours = neighbours, .shrinkage = shrinkage});
}

py::array_t<double> scores(const NeighbourScorer& scorer, py::handle rows, py::handle weights) {
  const auto items = borrow_vector<std::int64_t>(rows, "rows");
  const auto strengths = borrow_vector<float>(weights, "weights");
  std::vector<double> sums;
  {
    const py::gil_scoped_release released;
    require_history(scorer, items, strengths);
    sums = scorer.scores(items, strengths);
  }
  return to_array(std::move(sums));
}

}  // namespace

void bind_neighbour_scorer(py::module_& module) {
  make_class<NeighbourScorer>(module, "NeighbourScorer")
      .def_static("items", &item_neighbours, py::arg("similarity"), py::keep_alive<0, 1>())
      .def_static("users", &user_neighbours, py::arg("profiles"), py::arg("votes"), py::kw_only(),
                  py::arg("item_count"), py::arg("neighbours"), py::arg("shrinkage"), py::keep_alive<0, 1>(),
                  py::keep_alive<0, 2>())
      .def("scores", &scores, py::arg("rows"), py::arg("weights"));
}

}  // namespace recstream::bindings
