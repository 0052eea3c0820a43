#include <memory>
#include <string>
#include <utility>

#include "bindings/arrays.h"
#include "bindings/bound_filter.h"
#include "bindings/classes.h"
#include "bindings/condition_lists.h"
#include "bindings/texts.h"
#include "recstream/attribute_table.h"

namespace recstream::bindings {
namespace {

/// `_core.AttributeColumn`: tables share it.
struct BoundColumn {
  std::shared_ptr<const AttributeColumn> column;
};

template <class Make>
BoundColumn make_column(const Make& make) {
  const py::gil_scoped_release released;
  return {std::make_shared<const AttributeColumn>(make())};
}

BoundColumn numbers(py::handle values) {
  const auto list = borrow_vector<double>(values, "values");
  return make_column([&] { return AttributeColumn::numbers(list); });
}

BoundColumn booleans(py::handle values) {
  const auto list = borrow_vector<std::int8_t>(values, "values");
  return make_column([&] { return AttributeColumn::booleans(list); });
}

BoundColumn texts(py::handle utf8, py::handle offsets, py::handle codes) {
  const TextDictionary dictionary{.utf8 = borrow_vector<std::uint8_t>(utf8, "utf8"),
                                  .offsets = borrow_vector<std::int64_t>(offsets, "offsets")};
  const auto list = borrow_vector<std::int32_t>(codes, "codes");
  return make_column([&] { return AttributeColumn::texts(dictionary, list); });
}

BoundColumn text_lists(py::handle utf8, py::handle offsets, py::handle codes, py::handle pointers,
                       py::handle has_list) {
  const TextDictionary dictionary{.utf8 = borrow_vector<std::uint8_t>(utf8, "utf8"),
                                  .offsets = borrow_vector<std::int64_t>(offsets, "offsets")};
  const auto list = borrow_vector<std::int32_t>(codes, "codes");
  const auto rows = borrow_vector<std::int64_t>(pointers, "pointers");
  const auto held = borrow_vector<std::uint8_t>(has_list, "has_list");
  return make_column([&] { return AttributeColumn::text_lists(dictionary, list, rows, held); });
}

std::unique_ptr<AttributeTable> make_table(const py::sequence& columns, std::int64_t rows, std::int64_t cache_bytes) {
  std::vector<NamedColumn> named;
  for (const auto item : columns) {
    const auto pair = py::cast<std::pair<std::string, BoundColumn>>(item);
    named.push_back({.name = pair.first, .column = pair.second.column});
  }
  return std::make_unique<AttributeTable>(std::move(named), rows, cache_bytes);
}

BoundFilter compile(const AttributeTable& table, py::handle all_of, py::handle any_of, py::handle none_of) {
  const AttributeFilter filter{.all_of = to_conditions(all_of, "all_of"),
                               .any_of = to_conditions(any_of, "any_of"),
                               .none_of = to_conditions(none_of, "none_of")};
  const py::gil_scoped_release released;
  return {table.compile(filter)};
}

py::dict kinds(const AttributeTable& table) {
  py::dict kinds;
  for (const auto& [name, column] : table.columns()) kinds[to_str(name)] = to_str(kind_name(column->kind()));
  return kinds;
}

py::dict stats(const AttributeTable& table) {
  const auto stats = table.stats();
  py::dict dict;
  dict["rows"] = stats.rows;
  dict["bytes"] = stats.bytes;
  dict["cache_entries"] = stats.cache_entries;
  dict["cache_bytes"] = stats.cache_bytes;
  dict["cache_hits"] = stats.cache_hits;
  dict["cache_misses"] = stats.cache_misses;
  return dict;
}

py::array_t<std::uint64_t> words(const BoundFilter& bound) {
  auto keep = std::make_unique<SharedFilter>(bound.filter);
  const py::capsule owner(keep.get(), [](void* memory) { delete static_cast<SharedFilter*>(memory); });
  const auto words = keep.release()->get()->words();
  py::array_t<std::uint64_t> array(static_cast<py::ssize_t>(words.size()), words.data(), owner);
  array.attr("flags").attr("writeable") = false;
  return array;
}

}  // namespace

void bind_attribute_table(py::module_& module) {
  make_class<BoundFilter>(module, "CompiledFilter")
      .def_property_readonly("count", [](const BoundFilter& bound) { return bound.filter->count(); })
      .def_property_readonly("rows", [](const BoundFilter& bound) { return bound.filter->rows(); })
      .def_property_readonly("words", &words);
  make_class<BoundColumn>(module, "AttributeColumn")
      .def_static("numbers", &numbers, py::arg("values"))
      .def_static("booleans", &booleans, py::arg("values"))
      .def_static("texts", &texts, py::arg("utf8"), py::arg("offsets"), py::arg("codes"))
      .def_static("text_lists", &text_lists, py::arg("utf8"), py::arg("offsets"), py::arg("codes"), py::arg("pointers"),
                  py::arg("has_list"));
  make_class<AttributeTable>(module, "AttributeTable")
      .def(py::init(&make_table), py::arg("columns"), py::kw_only(), py::arg("rows"), py::arg("cache_bytes"))
      .def_property_readonly("kinds", &kinds)
      .def("compile", &compile, py::kw_only(), py::arg("all_of") = py::tuple(), py::arg("any_of") = py::tuple(),
           py::arg("none_of") = py::tuple())
      .def("stats", &stats);
}

}  // namespace recstream::bindings
