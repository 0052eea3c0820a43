#include <cstdint>
#include <string>

#include "bindings/arrays.h"
#include "bindings/classes.h"
#include "bindings/sparse_arrays.h"
#include "recstream/factor_sgd.h"

namespace recstream::bindings {
namespace {

py::array require_writable(py::handle object, const char* name, py::ssize_t dimensions) {
  require_array(object, name, py::dtype::of<float>(), dimensions);
  auto array = py::reinterpret_borrow<py::array>(object);
  if (!array.writeable()) throw py::type_error(std::string(name) + " must be writable");
  return array;
}

MutableMatrix borrow_mutable_matrix(py::handle object, const char* name) {
  auto array = require_writable(object, name, 2);
  return {.data = static_cast<float*>(array.mutable_data()), .rows = array.shape(0), .dimension = array.shape(1)};
}

std::span<float> borrow_mutable_vector(py::handle object, const char* name) {
  auto array = require_writable(object, name, 1);
  return {static_cast<float*>(array.mutable_data()), static_cast<std::size_t>(array.size())};
}

double run_rating_epoch(const py::tuple& ratings, py::handle order, float mean, py::handle user_biases,
                        py::handle item_biases, py::handle users, py::handle items, py::handle implicit,
                        float learning_rate, float regularization) {
  const auto matrix = borrow_sparse(ratings, "ratings");
  const auto visits = borrow_vector<std::int32_t>(order, "order");
  RatingFactors factors{.mean = mean,
                        .user_biases = borrow_mutable_vector(user_biases, "user_biases"),
                        .item_biases = borrow_mutable_vector(item_biases, "item_biases"),
                        .users = borrow_mutable_matrix(users, "users"),
                        .items = borrow_mutable_matrix(items, "items"),
                        .implicit = {}};
  if (!implicit.is_none()) factors.implicit = borrow_mutable_matrix(implicit, "implicit");
  const py::gil_scoped_release released;
  return rating_epoch(matrix, visits, factors, {.learning_rate = learning_rate, .regularization = regularization});
}

double run_bpr_epoch(const py::tuple& positives, py::handle users, py::handle items, std::uint64_t seed,
                     float learning_rate, float regularization) {
  const auto matrix = borrow_sparse(positives, "positives");
  const auto user_rows = borrow_mutable_matrix(users, "users");
  const auto item_rows = borrow_mutable_matrix(items, "items");
  const py::gil_scoped_release released;
  return bpr_epoch(matrix, user_rows, item_rows, seed,
                   {.learning_rate = learning_rate, .regularization = regularization});
}

}  // namespace

void bind_factor_sgd(py::module_& module) {
  module.def("rating_epoch", &run_rating_epoch, py::arg("ratings"), py::arg("order"), py::kw_only(), py::arg("mean"),
             py::arg("user_biases"), py::arg("item_biases"), py::arg("users"), py::arg("items"),
             py::arg("implicit") = py::none(), py::arg("learning_rate"), py::arg("regularization"));
  module.def("bpr_epoch", &run_bpr_epoch, py::arg("positives"), py::kw_only(), py::arg("users"), py::arg("items"),
             py::arg("seed"), py::arg("learning_rate"), py::arg("regularization"));
}

}  // namespace recstream::bindings
