#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace serving {

inline void put_number(std::string& out, std::uint64_t value, int bytes) {
  for (int byte = bytes - 1; byte >= 0; --byte) out.push_back(static_cast<char>(value >> (8 * byte)));
}

/// Big-endian, of up to 8 bytes.
inline std::uint64_t get_number(std::string_view data) {
  std::uint64_t value = 0;
  for (const char byte : data) value = value << 8 | static_cast<std::uint8_t>(byte);
  return value;
}

/// A gRPC message behind its prefix.
inline std::string framed(std::string_view message) {
  std::string out(1, '\0');
  put_number(out, message.size(), 4);
  return out.append(message);
}

/// The fields of one protobuf message, top level only. Ends at the first byte that cannot be right.
class Fields {
 public:
  explicit Fields(std::string_view message) : rest_(message) {}

  bool next() {
    std::uint64_t tag = 0;
    if (rest_.empty() || !varint(tag)) return false;
    number = static_cast<int>(tag >> 3);
    switch (tag & 7) {
      case 0:
        return varint(value);
      case 1:
        return skip(8);
      case 2:
        return varint(value) && skip(value);
      case 5:
        return skip(4);
      default:
        return false;
    }
  }

  int number = 0;
  /// Of a varint; otherwise `bytes` counts.
  std::uint64_t value = 0;
  std::string_view bytes;

 private:
  bool varint(std::uint64_t& out) {
    out = 0;
    for (int shift = 0; shift < 64 && !rest_.empty(); shift += 7) {
      const auto byte = static_cast<std::uint8_t>(rest_.front());
      rest_.remove_prefix(1);
      out |= static_cast<std::uint64_t>(byte & 0x7F) << shift;
      if (byte < 0x80) return true;
    }
    return false;
  }
  bool skip(std::uint64_t size) {
    if (size > rest_.size()) return false;
    bytes = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return true;
  }

  std::string_view rest_;
};

}  // namespace serving
