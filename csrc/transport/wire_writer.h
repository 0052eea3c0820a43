#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "transport/wire_reader.h"

namespace recstream::transport {

/// Bytes that `append_varint` takes for a value.
constexpr std::size_t varint_size(std::uint64_t value) {
  std::size_t size = 1;
  for (; value >= 0x80; value >>= 7) ++size;
  return size;
}

inline void append_varint(std::string& out, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) out.push_back(static_cast<char>(value | 0x80));
  out.push_back(static_cast<char>(value));
}

/// As protobuf writes a field of its own: nothing when it is 0 or empty.
inline void append_number(std::string& out, int field, std::uint64_t value) {
  if (value == 0) return;
  out.push_back(static_cast<char>(wire_tag(field, WireType::kVarint)));
  append_varint(out, value);
}

/// A field with a length, also when it is empty: as protobuf writes messages and the entries of lists.
inline void append_bytes(std::string& out, int field, std::string_view bytes) {
  out.push_back(static_cast<char>(wire_tag(field, WireType::kBytes)));
  append_varint(out, bytes.size());
  out.append(bytes);
}

/// A flag of a oneof, also when it is false.
inline void append_flag(std::string& out, int field, bool flag) {
  out.push_back(static_cast<char>(wire_tag(field, WireType::kVarint)));
  out.push_back(flag ? 1 : 0);
}

/// The bits of a number, little-endian on any machine.
template <class Bits>
void append_fixed(std::string& out, Bits bits) {
  for (std::size_t byte = 0; byte < sizeof(bits); ++byte) out.push_back(static_cast<char>(bits >> (8 * byte) & 0xff));
}

/// A number of a oneof, also when it is 0.
inline void append_double(std::string& out, int field, double number) {
  out.push_back(static_cast<char>(wire_tag(field, WireType::kFixed64)));
  append_fixed(out, std::bit_cast<std::uint64_t>(number));
}

}  // namespace recstream::transport
