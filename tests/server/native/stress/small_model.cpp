#include "small_model.h"

#include <random>
#include <utility>

namespace recstream::transport::stress {
namespace {

constexpr std::int64_t kDimension = 8;
constexpr std::int64_t kCacheBytes = std::int64_t{1} << 20;

std::vector<float> random_numbers(std::int64_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> number;
  std::vector<float> values(static_cast<std::size_t>(count));
  for (auto& value : values) value = number(random);
  return values;
}

std::unique_ptr<AttributeTable> make_attributes(std::int64_t rows) {
  std::vector<double> years;
  for (std::int64_t row = 0; row < rows; ++row) years.push_back(static_cast<double>(1900 + row % 100));
  auto column = std::make_shared<const AttributeColumn>(AttributeColumn::numbers(years));
  std::vector<NamedColumn> columns{{.name = "year", .column = std::move(column)}};
  return std::make_unique<AttributeTable>(std::move(columns), rows, kCacheBytes);
}

}  // namespace

Ids::Ids(const std::string& prefix, std::int64_t count) {
  for (std::int64_t row = 0; row < count; ++row) {
    const auto text = prefix + std::to_string(row);
    utf8_.insert(utf8_.end(), text.begin(), text.end());
    offsets_.push_back(static_cast<std::int64_t>(utf8_.size()));
  }
  table_ = std::make_unique<const IdTable>(utf8_, offsets_);
}

SmallModel::SmallModel()
    : item_vectors_(random_numbers(kItems * kDimension, 1)),
      user_vectors_(random_numbers(kUsers * kDimension, 2)),
      popularity_(kItems, 1.0F),
      items_("item-", kItems),
      users_("user-", kUsers),
      pointers_(kUsers + 1),
      encoder_(make_decayed_pooling({.data = item_vectors_.data(), .rows = kItems, .dimension = kDimension}, 10.0)),
      attributes_(make_attributes(kItems)) {
  for (std::int64_t row = 0; row < kItems; ++row) {
    item_attributes_.add_number(0, static_cast<double>(1900 + row % 100));
    item_attributes_.end_item();
  }
  item_attributes_.finish();
  const EngineModel model{
      .item_ids = &items_.table(),
      .item_vectors = {.data = item_vectors_.data(), .rows = kItems, .dimension = kDimension},
      .item_popularity = popularity_,
      .user_ids = &users_.table(),
      .user_vectors = {.data = user_vectors_.data(), .rows = kUsers, .dimension = kDimension},
      .history_pointers = pointers_,
      .history_rows = {},
      .history_weights = {},
      .encoder = encoder_.get(),
  };
  engine_ = std::make_unique<Engine>(model, EngineOptions{.kept_list_min_items = 0, .threads = 2});
}

ServedModel SmallModel::served() const {
  return {.engine = engine_.get(),
          .attribute_table = attributes_.get(),
          .item_attributes = &item_attributes_,
          .labels = {.version = "", .token_head = "small"},
          .is_exact = true};
}

const EventRules& event_rules() {
  static const EventRules kRules{.id_bytes = 128,
                                 .token_bytes = 256,
                                 .batch_requests = 1000,
                                 .types = {{.weight = 1.0, .marks_seen = true, .positive_from = std::nullopt},
                                           {.weight = 1.0, .marks_seen = true, .positive_from = 3.0}},
                                 .type_numbers = {{"click", 0}, {"rating", 1}}};
  return kRules;
}

QueryLimits query_limits() {
  return {.id_bytes = 128,
          .page_size = 1000,
          .candidate_item_ids = 10'000,
          .exclude_item_ids = 10'000,
          .recent_events = 1000,
          .filter = {.conditions = 64, .values = 1000, .attribute_bytes = 128},
          .events = &event_rules()};
}

}  // namespace recstream::transport::stress
