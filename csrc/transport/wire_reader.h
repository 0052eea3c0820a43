#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace recstream::transport {

/// How a field is written: the low three bits of its tag.
enum class WireType : std::uint8_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

/// The tag of a field with a number below 16.
constexpr std::uint8_t wire_tag(int field, WireType type) {
  return static_cast<std::uint8_t>(field << 3 | static_cast<int>(type));
}

/// Reads a protobuf message field by field, without copying.
///
/// It is strict where protobuf is lenient: whatever a serializer would not write (a longer varint than needed, a field
/// number above 15, a group) makes it fail. A message that it reads to the end means to protobuf what it means here;
/// one that it refuses goes to a parser that knows the whole format.
class WireReader {
 public:
  /// Borrows the bytes.
  explicit WireReader(std::string_view bytes) : rest_(bytes) {}

  /// Goes to the next field; false at the end and on failure. The field's value must be read before the next call.
  bool next();

  /// Of the field at hand.
  std::uint8_t tag() const { return tag_; }

  /// Whether anything could not be read; values read since then mean nothing.
  bool failed() const { return failed_; }
  /// Whether nothing is left to read; true after a failure.
  bool at_end() const { return failed_ || rest_.empty(); }
  void fail() { failed_ = true; }

  std::uint64_t varint();
  /// Fails for anything but 0 and 1.
  bool boolean();
  /// Fails for negative numbers and for those above 2^31 - 1.
  std::int32_t int32();
  /// Fails for negative numbers.
  std::int64_t int64();
  double number();
  /// Views the message.
  std::string_view bytes();
  /// As `bytes`; fails unless it is UTF-8.
  std::string_view text();
  /// Passes over the value, of whatever type.
  void skip();

 private:
  std::string_view taken(std::size_t size);

  std::string_view rest_;
  std::uint8_t tag_ = 0;
  bool failed_ = false;
};

/// What google.protobuf.Timestamp and google.protobuf.Duration hold.
struct SecondsAndNanos {
  std::int64_t seconds = 0;
  /// Below a second.
  std::int32_t nanos = 0;
};

/// None when the reader fails, which it does for what is below zero, or when there are too many nanoseconds.
std::optional<SecondsAndNanos> read_seconds_and_nanos(std::string_view message);

}  // namespace recstream::transport
