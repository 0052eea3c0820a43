#include "engine/snapshot.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <unordered_set>
#include <vector>

#include "byte_codec.h"
#include "utf8.h"

namespace recstream {
namespace {

constexpr std::size_t kInteractionBytes = sizeof(std::uint32_t) + sizeof(double) + 2 * sizeof(std::int64_t);
constexpr std::size_t kStateBytes = 3 * sizeof(std::uint32_t) + sizeof(std::int64_t);

void require(bool holds, const char* problem) {
  if (!holds) throw std::invalid_argument(std::string("snapshot is damaged: ") + problem);
}

std::vector<ItemKey> get_items(ByteReader& reader, ItemKeys& keys) {
  const auto count = reader.get_count<std::uint32_t>(sizeof(std::uint32_t) + 1);
  std::vector<ItemKey> items;
  std::unordered_set<ItemKey> distinct;
  items.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    const auto id = reader.get_text();
    require(!id.empty() && is_utf8(id), "an item id is empty or not UTF-8");
    items.push_back(keys.key(id));
    require(distinct.insert(items.back()).second, "an item id repeats");
  }
  return items;
}

ItemKey get_item(ByteReader& reader, const std::vector<ItemKey>& items) {
  const auto number = reader.get<std::uint32_t>();
  require(number < items.size(), "an item number is out of range");
  return items[number];
}

void require_distinct(std::vector<ItemKey> items) {
  std::sort(items.begin(), items.end());
  require(std::adjacent_find(items.begin(), items.end()) == items.end(), "an item repeats within a state");
}

UserState get_state(ByteReader& reader, const std::vector<ItemKey>& items, std::size_t max_history) {
  UserState state;
  state.version = reader.get<std::int64_t>();
  state.born = state.version;
  std::vector<ItemKey> touched;
  std::int64_t touched_version = 0;
  const auto interactions = reader.get_count<std::uint32_t>(kInteractionBytes);
  state.interactions.reserve(interactions);
  for (std::size_t i = 0; i < interactions; ++i) {
    const auto item = get_item(reader, items);
    const auto weight = reader.get<double>();
    const auto time = reader.get<std::int64_t>();
    require(std::isfinite(weight), "a weight is not finite");
    const auto version = reader.get<std::int64_t>();
    require(time >= 0, "a time is negative");
    require(version > touched_version && version <= state.version, "versions of items do not rise");
    touched_version = version;
    state.interactions.push_back({.item = item, .weight = weight, .time = time, .version = version});
    touched.push_back(item);
  }
  require_distinct(std::move(touched));
  if (interactions > max_history) {
    state.interactions.erase(state.interactions.begin(),
                             state.interactions.end() - static_cast<std::ptrdiff_t>(max_history));
  }
  const auto seen = reader.get_count<std::uint32_t>(sizeof(std::uint32_t));
  state.seen.reserve(seen);
  for (std::size_t i = 0; i < seen; ++i) state.seen.push_back(get_item(reader, items));
  require_distinct(state.seen);
  std::sort(state.seen.begin(), state.seen.end());
  return state;
}

void get_store(ByteReader& reader, UserStore& store, const std::vector<ItemKey>& items, std::int64_t last_version,
               std::size_t max_history) {
  const auto count = reader.get_count<std::uint64_t>(kStateBytes);
  std::int64_t version = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const auto id = reader.get_text();
    require(!id.empty() && is_utf8(id), "an id is empty or not UTF-8");
    auto& entry = store.obtain(store.shard(id), id);
    require(entry.second.version == 0, "an id repeats");
    entry.second = get_state(reader, items, max_history);
    require(entry.second.version > version && entry.second.version <= last_version, "versions do not rise");
    version = entry.second.version;
    store.settle(entry, 0, 0);
  }
  store.make_room();
}

}  // namespace

void decode_snapshot(std::string_view bytes, EngineState& state, std::size_t max_history) {
  ByteReader reader(bytes);
  if (bytes.substr(0, kSnapshotMagic.size()) != kSnapshotMagic) {
    throw std::invalid_argument("snapshot is damaged, or of another version: it does not begin with RSSTATE3");
  }
  reader.get_raw(kSnapshotMagic.size());
  const auto version = reader.get<std::int64_t>();
  require(version >= 0, "its state_version is negative");
  const auto items = get_items(reader, state.items);
  get_store(reader, state.users, items, version, max_history);
  get_store(reader, state.sessions, items, version, max_history);
  require(reader.empty(), "bytes follow its end");
  state.version = version;
}

}  // namespace recstream
