#include <memory>
#include <optional>

#include "bindings/arrays.h"
#include "bindings/classes.h"
#include "recstream/user_encoder.h"

namespace recstream::bindings {
namespace {

std::unique_ptr<UserEncoder> als_fold_in(py::handle item_vectors, double unobserved_weight, double regularization,
                                         double regularization_exponent) {
  const auto items = borrow_matrix(item_vectors, "item_vectors");
  const py::gil_scoped_release released;
  return make_als_fold_in(items, {.unobserved_weight = unobserved_weight,
                                  .regularization = regularization,
                                  .regularization_exponent = regularization_exponent});
}

std::unique_ptr<UserEncoder> decayed_pooling(py::handle item_vectors, double half_life_events) {
  const auto items = borrow_matrix(item_vectors, "item_vectors");
  const py::gil_scoped_release released;
  return make_decayed_pooling(items, half_life_events);
}

std::unique_ptr<UserEncoder> constant(py::handle vector) {
  return make_constant(borrow_vector<float>(vector, "vector"));
}

std::unique_ptr<UserEncoder> outside(std::int64_t dimension, std::int64_t item_count, std::int64_t max_length,
                                     bool hears_aversions) {
  return make_outside(dimension, item_count, {.max_length = max_length, .hears_aversions = hears_aversions});
}

py::object encode(const UserEncoder& encoder, py::handle rows, py::handle weights) {
  const auto items = borrow_vector<std::int64_t>(rows, "rows");
  const auto strengths = borrow_vector<float>(weights, "weights");
  std::optional<std::vector<float>> vector;
  {
    const py::gil_scoped_release released;
    require_encodable(encoder, items, strengths);
    vector = encoder.encode(items, strengths);
  }
  return vector ? py::object(to_array(std::move(*vector))) : py::none();
}

}  // namespace

void bind_user_encoder(py::module_& module) {
  make_class<UserEncoder>(module, "UserEncoder")
      .def_static("als_fold_in", &als_fold_in, py::arg("item_vectors"), py::kw_only(), py::arg("unobserved_weight"),
                  py::arg("regularization"), py::arg("regularization_exponent"), py::keep_alive<0, 1>())
      .def_static("decayed_pooling", &decayed_pooling, py::arg("item_vectors"), py::kw_only(),
                  py::arg("half_life_events"), py::keep_alive<0, 1>())
      .def_static("constant", &constant, py::arg("vector"))
      .def_static("outside", &outside, py::kw_only(), py::arg("dimension"), py::arg("item_count"),
                  py::arg("max_length"), py::arg("hears_aversions"))
      .def("encode", &encode, py::arg("rows"), py::arg("weights"));
}

}  // namespace recstream::bindings
