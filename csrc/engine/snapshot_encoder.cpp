#include "engine/snapshot_encoder.h"

#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "byte_codec.h"
#include "engine/snapshot.h"

namespace recstream {
namespace {

/// About a tenth of a millisecond's copying.
constexpr std::size_t kStepBytes = 64 * 1024;

/// Numbers items in the order in which states mention them, which makes the bytes independent of row numbers.
class ItemList {
 public:
  explicit ItemList(const ItemKeys& keys) : keys_(keys) {}

  std::uint32_t number(ItemKey key) {
    const auto [place, fresh] = numbers_.try_emplace(key, static_cast<std::uint32_t>(texts_.size()));
    if (fresh) texts_.push_back(keys_.text(key));
    return place->second;
  }

  const std::vector<std::string_view>& texts() const { return texts_; }

 private:
  const ItemKeys& keys_;
  std::unordered_map<ItemKey, std::uint32_t> numbers_;
  std::vector<std::string_view> texts_;
};

}  // namespace

SnapshotEncoder::SnapshotEncoder(const EngineState& state)
    : state_(state),
      users_(state.users, state.version),
      sessions_(state.sessions, state.version),
      step_bytes_(kStepBytes) {}

bool SnapshotEncoder::step() {
  if (users_.caught_up() && sessions_.caught_up()) step_bytes_ *= 2;
  std::size_t bytes = step_bytes_;
  const bool no_users_left = users_.step(bytes);
  const bool over = sessions_.step(bytes) && no_users_left;
  if (over) version_ = state_.version;
  return over;
}

std::string SnapshotEncoder::encode() && {
  ItemList items(state_.items);
  const auto number = [&items](ItemKey key) { return items.number(key); };
  // By text, because keys rise in an order that depends on the catalogue.
  const auto less = [this](ItemKey a, ItemKey b) { return state_.items.text(a) < state_.items.text(b); };
  users_.settle(number, less);
  sessions_.settle(number, less);
  ByteWriter head;
  head.put_raw(kSnapshotMagic);
  head.put(version_);
  head.put(static_cast<std::uint32_t>(items.texts().size()));
  for (const auto text : items.texts()) head.put_text(text);
  head.put(users_.count());
  std::string bytes = std::move(head).take();
  bytes.reserve(bytes.size() + users_.bytes() + sizeof sessions_.count() + sessions_.bytes());
  users_.move_to(bytes);
  ByteWriter middle;
  middle.put(sessions_.count());
  bytes += std::move(middle).take();
  sessions_.move_to(bytes);
  return bytes;
}

}  // namespace recstream
