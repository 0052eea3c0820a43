#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace serving {

/// Reads the header blocks of gRPC servers (RFC 7541), as far as `grpc-status` needs it: they do not compress texts,
/// and what they put into the table never fills it. Anything else is reported as damage.
class HeaderTable {
 public:
  /// The value of `grpc-status`; empty where the block has none; nullopt when it cannot be read.
  std::optional<std::string> status_of(std::string_view block) {
    std::string status;
    while (!block.empty()) {
      const auto first = static_cast<std::uint8_t>(block.front());
      std::optional<Entry> entry;
      if (first & 0x80) {
        const auto index = integer(block, 7);
        entry = index ? at(*index) : std::nullopt;
      } else if ((first & 0xE0) == 0x20) {
        if (!integer(block, 5)) return std::nullopt;  // the server resizes its table
        continue;
      } else {
        entry = literal(block, first & 0x40);
      }
      if (!entry) return std::nullopt;
      if (entry->first == "grpc-status") status = entry->second;
    }
    return status;
  }

 private:
  using Entry = std::pair<std::string, std::string>;
  static constexpr std::size_t kStatic = 61, kCapacity = 4096, kOverhead = 32, kLongestStaticName = 27;

  static std::optional<std::uint64_t> integer(std::string_view& block, int bits) {
    const std::uint64_t most = (1U << bits) - 1;
    std::uint64_t value = static_cast<std::uint8_t>(block.front()) & most;
    block.remove_prefix(1);
    if (value < most) return value;
    for (int shift = 0; shift < 28 && !block.empty(); shift += 7) {
      const auto byte = static_cast<std::uint8_t>(block.front());
      block.remove_prefix(1);
      value += static_cast<std::uint64_t>(byte & 0x7F) << shift;
      if (byte < 0x80) return value;
    }
    return std::nullopt;
  }

  static std::optional<std::string> text(std::string_view& block) {
    if (block.empty() || (block.front() & 0x80)) return std::nullopt;
    const auto size = integer(block, 7);
    if (!size || *size > block.size()) return std::nullopt;
    std::string out(block.substr(0, *size));
    block.remove_prefix(*size);
    return out;
  }

  /// Entries of the static table stay nameless: the status is none of them.
  std::optional<Entry> at(std::uint64_t index) const {
    if (index == 0 || index > kStatic + dynamic_.size()) return std::nullopt;
    return index <= kStatic ? Entry{} : dynamic_[index - kStatic - 1];
  }

  std::optional<Entry> literal(std::string_view& block, bool kept) {
    const auto index = integer(block, kept ? 6 : 4);
    if (!index) return std::nullopt;
    auto entry = *index ? at(*index) : Entry{};
    if (!entry) return std::nullopt;
    if (*index == 0) {
      auto name = text(block);
      if (!name) return std::nullopt;
      entry->first = std::move(*name);
    }
    auto value = text(block);
    if (!value) return std::nullopt;
    entry->second = std::move(*value);
    if (kept) {
      used_ += kOverhead + kLongestStaticName + entry->first.size() + entry->second.size();
      if (used_ > kCapacity) return std::nullopt;
      dynamic_.push_front(*entry);
    }
    return entry;
  }

  std::deque<Entry> dynamic_;
  std::size_t used_ = 0;
};

}  // namespace serving
