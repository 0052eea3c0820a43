#include "recstream/id_table.h"

#include <bit>
#include <functional>
#include <limits>
#include <stdexcept>
#include <string>

#include "utf8.h"

namespace recstream {
namespace {

[[noreturn]] void refuse(std::int64_t row, const std::string& problem) {
  throw std::invalid_argument("id of row " + std::to_string(row) + " " + problem);
}

void require_offsets(std::span<const std::uint8_t> utf8, std::span<const std::int64_t> offsets) {
  if (offsets.empty()) throw std::invalid_argument("offsets must have N + 1 entries, got none");
  if (offsets.size() - 1 >= static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max())) {
    throw std::invalid_argument("offsets: more than 2^31 - 2 ids");
  }
  if (offsets.front() != 0 || offsets.back() != static_cast<std::int64_t>(utf8.size())) {
    throw std::invalid_argument("offsets must go from 0 to the " + std::to_string(utf8.size()) +
                                " bytes of text, got " + std::to_string(offsets.front()) + " to " +
                                std::to_string(offsets.back()));
  }
  // All of them before any text is read: a later offset that falls makes an earlier one point outside.
  for (std::size_t r = 1; r < offsets.size(); ++r) {
    const auto row = static_cast<std::int64_t>(r - 1);
    if (offsets[r] < offsets[r - 1]) refuse(row, "has offsets that fall");
    if (offsets[r] == offsets[r - 1]) refuse(row, "is empty");
    if (offsets[r] - offsets[r - 1] > kMaxIdBytes) {
      refuse(row, "is longer than " + std::to_string(kMaxIdBytes) + " bytes");
    }
  }
}

}  // namespace

IdTable::IdTable(std::span<const std::uint8_t> utf8, std::span<const std::int64_t> offsets)
    : utf8_(utf8), offsets_(offsets) {
  require_offsets(utf8, offsets);
  slots_.assign(std::bit_ceil(static_cast<std::size_t>(size()) * 2 + 1), -1);
  for (std::int64_t row = 0; row < size(); ++row) {
    const auto text = id(row);
    if (!is_utf8(text)) refuse(row, "is not UTF-8");
    auto& slot = slots_[slot_of(text)];
    if (slot >= 0) refuse(row, "repeats that of row " + std::to_string(slot));
    slot = static_cast<std::int32_t>(row);
  }
}

std::int64_t IdTable::find(std::string_view id) const { return slots_[slot_of(id)]; }

std::string_view IdTable::id(std::int64_t row) const {
  const auto r = static_cast<std::size_t>(row);
  const auto first = offsets_[r];
  const auto* text = reinterpret_cast<const char*>(utf8_.data());
  return {text + first, static_cast<std::size_t>(offsets_[r + 1] - first)};
}

std::size_t IdTable::slot_of(std::string_view text) const {
  const std::size_t mask = slots_.size() - 1;
  std::size_t slot = std::hash<std::string_view>{}(text)&mask;
  while (slots_[slot] >= 0 && id(slots_[slot]) != text) slot = (slot + 1) & mask;
  return slot;
}

}  // namespace recstream
