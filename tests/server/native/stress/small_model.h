#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "recstream/attribute_table.h"
#include "recstream/engine.h"
#include "recstream/user_encoder.h"
#include "transport/event_messages.h"
#include "transport/item_attributes.h"
#include "transport/native_queries.h"

namespace recstream::transport::stress {

/// Ids "PREFIX-0", "PREFIX-1", ... with the buffers that the table borrows.
class Ids {
 public:
  Ids(const std::string& prefix, std::int64_t count);

  const IdTable& table() const { return *table_; }

 private:
  std::vector<std::uint8_t> utf8_;
  std::vector<std::int64_t> offsets_{0};
  std::unique_ptr<const IdTable> table_;
};

/// A model of 500 items, "item-0" ... with a numeric attribute "year", and 10 users, "user-0" ..., and an engine on it.
class SmallModel {
 public:
  static constexpr std::int64_t kItems = 500;
  static constexpr std::int64_t kUsers = 10;

  SmallModel();

  Engine& engine() { return *engine_; }
  ServedModel served() const;

 private:
  const std::vector<float> item_vectors_;
  const std::vector<float> user_vectors_;
  const std::vector<float> popularity_;
  const Ids items_;
  const Ids users_;
  const std::vector<std::int64_t> pointers_;
  const std::unique_ptr<UserEncoder> encoder_;
  const std::unique_ptr<AttributeTable> attributes_;
  ItemAttributes item_attributes_{{"year"}};
  std::unique_ptr<Engine> engine_;
};

/// The limits that docs/server.md gives as defaults.
QueryLimits query_limits();
const EventRules& event_rules();

}  // namespace recstream::transport::stress
