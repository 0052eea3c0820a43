#include "engine/state_copies.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "byte_codec.h"

namespace recstream {
namespace {

constexpr std::size_t kInteractionBytes = sizeof(ItemKey) + sizeof(double) + 2 * sizeof(std::int64_t);

/// As snapshot.h has it, but with keys instead of numbers of items, and those seen by rising key.
void put_items(ByteWriter& writer, const UserState& state) {
  writer.put(static_cast<std::uint32_t>(state.interactions.size()));
  for (const auto& interaction : state.interactions) {
    writer.put(interaction.item);
    writer.put(interaction.weight);
    writer.put(interaction.time);
    writer.put(interaction.version);
  }
  writer.put(static_cast<std::uint32_t>(state.seen.size()));
  for (const auto item : state.seen) writer.put(item);
}

std::uint32_t get_count(const char*& at) {
  std::uint32_t count = 0;
  std::memcpy(&count, at, sizeof count);
  at += sizeof count;
  return count;
}

/// Replaces the keys that `put_items` wrote.
void number_items(char* bytes, const std::function<std::uint32_t(ItemKey)>& number,
                  const std::function<bool(ItemKey, ItemKey)>& less) {
  const char* at = bytes;
  const auto renumber = [&](const char* place, ItemKey key) {
    const std::uint32_t numbered = number(key);
    std::memcpy(bytes + (place - bytes), &numbered, sizeof numbered);
  };
  for (auto interactions = get_count(at); interactions > 0; --interactions, at += kInteractionBytes) {
    ItemKey key = 0;
    std::memcpy(&key, at, sizeof key);
    renumber(at, key);
  }
  std::vector<ItemKey> seen(get_count(at));
  if (!seen.empty()) std::memcpy(seen.data(), at, seen.size() * sizeof(ItemKey));
  std::sort(seen.begin(), seen.end(), less);
  for (const auto key : seen) {
    renumber(at, key);
    at += sizeof key;
  }
}

}  // namespace

bool StateCopies::step(std::size_t& bytes) {
  const std::size_t most = bytes;
  ByteWriter writer;
  std::vector<Copy> copies;
  const bool over = store_.visit_after(reached_, [&](const UserStore::States::value_type& entry) {
    if (writer.size() >= most) return false;
    const auto& [id, state] = entry;
    writer.put_text(id);
    writer.put(state.version);
    const std::size_t items = writer.size();
    put_items(writer, state);
    copies.push_back({.owner = &entry, .version = state.version, .items = items, .end = writer.size()});
    if (state.version > begun_at_) latest_[&entry] = state.version;
    reached_ = state.version;
    return true;
  });
  bytes -= std::min(bytes, writer.size());
  if (!copies.empty()) parts_.push_back({.bytes = std::move(writer).take(), .copies = std::move(copies)});
  if (over) {
    reached_ = std::max(reached_, begun_at_);
    oldest_ = store_.oldest_version();
  }
  return over;
}

bool StateCopies::counts(const Copy& copy) const {
  if (copy.version < oldest_) return false;
  const auto later = latest_.find(copy.owner);
  return later == latest_.end() || later->second == copy.version;
}

void StateCopies::settle(const std::function<std::uint32_t(ItemKey)>& number,
                         const std::function<bool(ItemKey, ItemKey)>& less) {
  for (auto& part : parts_) {
    std::size_t begin = 0;
    std::size_t kept = 0;
    for (const auto& copy : part.copies) {
      const std::size_t size = copy.end - begin;
      if (counts(copy)) {
        number_items(part.bytes.data() + copy.items, number, less);
        std::memmove(part.bytes.data() + kept, part.bytes.data() + begin, size);
        kept += size;
        ++count_;
      }
      begin = copy.end;
    }
    part.bytes.resize(kept);
    part.copies = {};
    bytes_ += kept;
  }
}

void StateCopies::move_to(std::string& out) {
  for (; !parts_.empty(); parts_.pop_front()) out.append(parts_.front().bytes);
}

}  // namespace recstream
