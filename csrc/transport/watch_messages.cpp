#include "transport/watch_messages.h"

#include "transport/stream_messages.h"
#include "transport/wire_reader.h"
#include "transport/wire_writer.h"

namespace recstream::transport {
namespace {

constexpr std::chrono::nanoseconds kSecond = std::chrono::seconds(1);
constexpr std::chrono::nanoseconds kLongestInterval = std::chrono::hours(1);

constexpr std::uint8_t varint_tag(int field) { return wire_tag(field, WireType::kVarint); }
constexpr std::uint8_t bytes_tag(int field) { return wire_tag(field, WireType::kBytes); }

/// A google.protobuf.Duration of up to an hour.
bool read_interval(std::string_view bytes, std::chrono::nanoseconds& interval) {
  const auto time = read_seconds_and_nanos(bytes);
  if (!time || time->seconds > kLongestInterval / kSecond) return false;
  interval = std::chrono::seconds(time->seconds) + std::chrono::nanoseconds(time->nanos);
  return interval <= kLongestInterval;
}

}  // namespace

bool read_watch(std::string_view bytes, WatchMessage& message) {
  WireReader reader(bytes);
  int queries = 0;
  int intervals = 0;
  while (reader.next()) {
    if (reader.tag() == bytes_tag(1) && ++queries == 1) {
      message.recommend = reader.bytes();
    } else if (reader.tag() == bytes_tag(2) && ++intervals == 1) {
      if (!read_interval(reader.bytes(), message.min_interval)) reader.fail();
    } else {
      reader.fail();
    }
  }
  return !reader.failed() && read_subject(message.recommend, message.user_id, message.session_id);
}

std::string watched_list(std::string_view recommendation, WatchCause cause) {
  std::string out;
  out.reserve(recommendation.size() + 8);
  append_bytes(out, 1, recommendation);
  append_number(out, 2, static_cast<std::uint64_t>(cause));
  return out;
}

std::string_view recommendation_in(std::string_view list) {
  WireReader reader(list);
  while (reader.next()) {
    if (reader.tag() == bytes_tag(1)) return reader.bytes();
    reader.skip();
  }
  return {};
}

std::int64_t state_version_in(std::string_view recommendation) {
  WireReader reader(recommendation);
  while (reader.next()) {
    if (reader.tag() == varint_tag(3)) return reader.int64();
    reader.skip();
  }
  return 0;
}

}  // namespace recstream::transport
