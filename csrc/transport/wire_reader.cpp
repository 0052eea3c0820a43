#include "transport/wire_reader.h"

#include <bit>
#include <limits>

#include "utf8.h"

namespace recstream::transport {
namespace {

constexpr std::uint8_t kMore = 0x80;
constexpr int kMostVarintBytes = 10;

}  // namespace

bool WireReader::next() {
  if (failed_ || rest_.empty()) return false;
  tag_ = static_cast<std::uint8_t>(rest_.front());
  rest_.remove_prefix(1);
  failed_ = (tag_ & kMore) != 0 || tag_ >> 3 == 0;
  return !failed_;
}

std::uint64_t WireReader::varint() {
  std::uint64_t value = 0;
  for (int i = 0; i < kMostVarintBytes && static_cast<std::size_t>(i) < rest_.size(); ++i) {
    const auto byte = static_cast<std::uint8_t>(rest_[static_cast<std::size_t>(i)]);
    value |= static_cast<std::uint64_t>(byte & ~kMore) << (7 * i);
    if ((byte & kMore) != 0) continue;
    // A last byte of 0 could have been left out; the tenth holds one bit only.
    if ((byte == 0 && i > 0) || (i + 1 == kMostVarintBytes && byte > 1)) break;
    rest_.remove_prefix(static_cast<std::size_t>(i) + 1);
    return value;
  }
  failed_ = true;
  return 0;
}

bool WireReader::boolean() {
  const auto value = varint();
  failed_ |= value > 1;
  return value == 1;
}

std::int32_t WireReader::int32() {
  const auto value = varint();
  failed_ |= value > static_cast<std::uint64_t>(std::numeric_limits<std::int32_t>::max());
  return static_cast<std::int32_t>(value);
}

std::int64_t WireReader::int64() {
  const auto value = varint();
  failed_ |= value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  return static_cast<std::int64_t>(value);
}

double WireReader::number() {
  std::uint64_t bits = 0;
  int shift = 0;
  for (const char byte : taken(sizeof(bits))) {
    bits |= std::uint64_t{static_cast<std::uint8_t>(byte)} << shift;
    shift += 8;
  }
  return std::bit_cast<double>(bits);
}

std::string_view WireReader::bytes() { return taken(varint()); }

void WireReader::skip() {
  switch (static_cast<WireType>(tag_ & 7)) {
    case WireType::kVarint:
      varint();
      break;
    case WireType::kFixed64:
      taken(sizeof(std::uint64_t));
      break;
    case WireType::kBytes:
      bytes();
      break;
    case WireType::kFixed32:
      taken(sizeof(std::uint32_t));
      break;
    default:
      failed_ = true;
  }
}

std::string_view WireReader::taken(std::size_t size) {
  if (size > rest_.size()) failed_ = true;
  if (failed_) return {};
  const auto value = rest_.substr(0, size);
  rest_.remove_prefix(size);
  return value;
}

std::string_view WireReader::text() {
  const auto value = bytes();
  failed_ |= !is_utf8(value);
  return value;
}

std::optional<SecondsAndNanos> read_seconds_and_nanos(std::string_view message) {
  constexpr std::int32_t kNanosPerSecond = 1'000'000'000;
  WireReader reader(message);
  SecondsAndNanos time;
  while (reader.next()) {
    switch (reader.tag()) {
      case wire_tag(1, WireType::kVarint):
        time.seconds = reader.int64();
        break;
      case wire_tag(2, WireType::kVarint):
        time.nanos = reader.int32();
        break;
      default:
        reader.fail();
    }
  }
  if (reader.failed() || time.nanos >= kNanosPerSecond) return std::nullopt;
  return time;
}

}  // namespace recstream::transport
