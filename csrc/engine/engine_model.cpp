// What an engine asks of the model it is given.
#include <cmath>
#include <stdexcept>
#include <string>

#include "recstream/engine.h"

namespace recstream {
namespace {

void require_count(const char* what, std::int64_t got, const char* of_what, std::int64_t wanted) {
  if (got == wanted) return;
  throw std::invalid_argument(std::string(what) + " must have one entry for each of the " + std::to_string(wanted) +
                              " " + of_what + ", got " + std::to_string(got));
}

void require_finite_values(std::span<const float> values, const char* what) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (!std::isfinite(values[i])) {
      throw std::invalid_argument(std::string(what) + ": entry " + std::to_string(i) + " is not finite");
    }
  }
}

void require_history(const EngineModel& model) {
  const auto entries = static_cast<std::int64_t>(model.history_rows.size());
  require_count("history pointers", static_cast<std::int64_t>(model.history_pointers.size()), "users, and one more",
                model.user_ids->size() + 1);
  require_count("history weights", static_cast<std::int64_t>(model.history_weights.size()), "history rows", entries);
  if (!model.history_times.empty()) {
    require_count("history times", static_cast<std::int64_t>(model.history_times.size()), "history rows", entries);
  }
  const auto& pointers = model.history_pointers;
  if (pointers.front() != 0 || pointers.back() != entries) {
    throw std::invalid_argument("history pointers must go from 0 to " + std::to_string(entries));
  }
  for (std::size_t u = 1; u < pointers.size(); ++u) {
    if (pointers[u] < pointers[u - 1]) {
      throw std::invalid_argument("history pointers fall at user " + std::to_string(u - 1));
    }
  }
  for (std::size_t i = 0; i < model.history_rows.size(); ++i) {
    const auto row = model.history_rows[i];
    if (row < 0 || row >= model.item_vectors.rows) {
      throw std::invalid_argument("history rows: entry " + std::to_string(i) + " is " + std::to_string(row) +
                                  ", not a row of the catalogue");
    }
  }
  require_finite_values(model.history_weights, "history weights");
  if (model.trained_version < 0) {
    throw std::invalid_argument("trained_version must be at least 0, got " + std::to_string(model.trained_version));
  }
}

void require_neighbours(const EngineModel& model) {
  if (model.encoder != nullptr) throw std::invalid_argument("encoder: neighbours need none");
  if (model.item_vectors.dimension != 0) throw std::invalid_argument("item_vectors: neighbours need none");
  require_count("neighbours", model.neighbours->item_count(), "item_ids", model.item_ids->size());
}

void require_encoder(const EngineModel& model) {
  if (model.encoder->dimension() != model.item_vectors.dimension) {
    throw std::invalid_argument("encoder makes vectors of " + std::to_string(model.encoder->dimension()) +
                                " dimensions, items have " + std::to_string(model.item_vectors.dimension));
  }
  if (const auto count = model.encoder->item_count(); count && *count != model.item_vectors.rows) {
    throw std::invalid_argument("encoder was made for " + std::to_string(*count) + " items, there are " +
                                std::to_string(model.item_vectors.rows));
  }
}

}  // namespace

void require_model(const EngineModel& model) {
  require_count("item_vectors", model.item_vectors.rows, "item_ids", model.item_ids->size());
  require_count("item_popularity", static_cast<std::int64_t>(model.item_popularity.size()), "item_ids",
                model.item_ids->size());
  require_finite_values(model.item_popularity, "item_popularity");
  require_history(model);
  if (model.neighbours != nullptr) return require_neighbours(model);
  if (model.encoder == nullptr) throw std::invalid_argument("encoder: give one, or neighbours");
  require_count("user_vectors", model.user_vectors.rows, "user_ids", model.user_ids->size());
  if (model.user_vectors.dimension != model.item_vectors.dimension) {
    throw std::invalid_argument("user_vectors have " + std::to_string(model.user_vectors.dimension) +
                                " dimensions, item_vectors " + std::to_string(model.item_vectors.dimension));
  }
  require_finite(model.user_vectors, "user_vectors");
  require_encoder(model);
}

void require_options(const EngineOptions& options) {
  if (options.max_history < 1) {
    throw std::invalid_argument("max_history must be at least 1, got " + std::to_string(options.max_history));
  }
  if (options.max_sessions < 1) {
    throw std::invalid_argument("max_sessions must be at least 1, got " + std::to_string(options.max_sessions));
  }
  if (options.kept_list_bytes < 0) {
    throw std::invalid_argument("kept_list_bytes must be at least 0, got " + std::to_string(options.kept_list_bytes));
  }
  if (options.kept_list_min_items < 0) {
    throw std::invalid_argument("kept_list_min_items must be at least 0, got " +
                                std::to_string(options.kept_list_min_items));
  }
}

}  // namespace recstream
