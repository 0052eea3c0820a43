#include "transport/event_messages.h"

#include <cmath>

#include "transport/wire_reader.h"
#include "transport/wire_writer.h"

namespace recstream::transport {
namespace {

/// The last second of the year 9999, where google.protobuf.Timestamp ends. The reader takes no time before 1970.
constexpr std::int64_t kLastSecond = 253'402'300'799;
constexpr std::int32_t kNanosPerSecond = 1'000'000'000;
constexpr std::int64_t kMicrosPerSecond = 1'000'000;

constexpr std::uint8_t varint_tag(int field) { return wire_tag(field, WireType::kVarint); }
constexpr std::uint8_t bytes_tag(int field) { return wire_tag(field, WireType::kBytes); }

bool read_time(std::string_view bytes, std::optional<std::int64_t>& time_us) {
  WireReader reader(bytes);
  std::int64_t seconds = 0;
  std::int32_t nanos = 0;
  while (reader.next()) {
    switch (reader.tag()) {
      case varint_tag(1):
        seconds = reader.int64();
        break;
      case varint_tag(2):
        nanos = reader.int32();
        break;
      default:
        reader.fail();
    }
  }
  // Merging is protobuf's answer to a time that is given twice.
  if (reader.failed() || time_us || seconds > kLastSecond || nanos >= kNanosPerSecond) return false;
  time_us = seconds * kMicrosPerSecond + nanos / 1000;
  return true;
}

bool is_valid(const EventMessage& event, std::string_view type, const EventRules& rules) {
  const auto most = static_cast<std::size_t>(rules.id_bytes);
  return event.event_id.size() <= most && event.user_id.size() <= most && event.session_id.size() <= most &&
         !event.item_id.empty() && event.item_id.size() <= most && rules.types.contains(type) &&
         event.attribution_token.size() <= static_cast<std::size_t>(rules.token_bytes) &&
         !(event.user_id.empty() && event.session_id.empty()) && (!event.value || std::isfinite(*event.value));
}

}  // namespace

bool read_event(std::string_view bytes, const EventRules& rules, EventMessage& event) {
  WireReader reader(bytes);
  std::string_view type;
  while (reader.next()) {
    switch (reader.tag()) {
      case bytes_tag(1):
        event.event_id = reader.text();
        break;
      case bytes_tag(2):
        event.user_id = reader.text();
        break;
      case bytes_tag(3):
        event.session_id = reader.text();
        break;
      case bytes_tag(4):
        event.item_id = reader.text();
        break;
      case bytes_tag(5):
        type = reader.text();
        break;
      case wire_tag(6, WireType::kFixed64):
        event.value = reader.number();
        break;
      case bytes_tag(7):
        if (!read_time(reader.bytes(), event.time_us)) reader.fail();
        break;
      case bytes_tag(8):
        event.attribution_token = reader.text();
        break;
      default:
        reader.fail();
    }
  }
  if (reader.failed() || !is_valid(event, type, rules)) return false;
  event.type = rules.types.find(type)->second;
  return true;
}

bool read_write(std::string_view bytes, const EventRules& rules, EventMessage& event) {
  WireReader reader(bytes);
  int events = 0;
  while (reader.next()) {
    if (reader.tag() != bytes_tag(1) || ++events > 1 || !read_event(reader.bytes(), rules, event)) reader.fail();
  }
  return !reader.failed() && events == 1;
}

bool read_batch_write(std::string_view bytes, const EventRules& rules, std::vector<EventMessage>& events) {
  WireReader reader(bytes);
  while (reader.next()) {
    if (reader.tag() != bytes_tag(1) || !read_write(reader.bytes(), rules, events.emplace_back())) reader.fail();
  }
  return !reader.failed() && !events.empty() && events.size() <= static_cast<std::size_t>(rules.batch_requests);
}

bool read_streaming_write(std::string_view bytes, const EventRules& rules, std::uint64_t& sequence,
                          EventMessage& event) {
  WireReader reader(bytes);
  int events = 0;
  while (reader.next()) {
    if (reader.tag() == varint_tag(1)) {
      sequence = reader.varint();
    } else if (reader.tag() != bytes_tag(2) || ++events > 1 || !read_event(reader.bytes(), rules, event)) {
      reader.fail();
    }
  }
  return !reader.failed() && events == 1;
}

std::string acknowledgement(std::string_view event_id, std::int64_t state_version, bool duplicate) {
  std::string out;
  append_bytes(out, 1, event_id);
  append_number(out, 2, static_cast<std::uint64_t>(state_version));
  append_number(out, 3, duplicate ? 1 : 0);
  return out;
}

}  // namespace recstream::transport
