#include "transport/event_messages.h"

#include <chrono>
#include <cmath>

#include "transport/wire_reader.h"
#include "transport/wire_writer.h"

namespace recstream::transport {
namespace {

/// The last second of the year 9999, where google.protobuf.Timestamp ends. The reader takes no time before 1970.
constexpr std::int64_t kLastSecond = 253'402'300'799;
constexpr std::int64_t kMicrosPerSecond = 1'000'000;

constexpr std::uint8_t varint_tag(int field) { return wire_tag(field, WireType::kVarint); }
constexpr std::uint8_t bytes_tag(int field) { return wire_tag(field, WireType::kBytes); }

bool read_time(std::string_view bytes, std::optional<std::int64_t>& time_us) {
  const auto time = read_seconds_and_nanos(bytes);
  // Merging is protobuf's answer to a time that is given twice.
  if (!time || time_us || time->seconds > kLastSecond) return false;
  time_us = time->seconds * kMicrosPerSecond + time->nanos / 1000;
  return true;
}

/// Reads what is the same for all events, and tells whether it is valid.
bool read_fields(std::string_view bytes, const EventRules& rules, EventMessage& event) {
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
  const auto number = rules.type_numbers.find(type);
  if (reader.failed() || number == rules.type_numbers.end()) return false;
  event.type = number->second;
  return !event.item_id.empty() && event.item_id.size() <= static_cast<std::size_t>(rules.id_bytes) &&
         (!event.value || std::isfinite(*event.value));
}

/// As `recstream.event_types.EventTypes.resolve`.
double weight_of(const EventMessage& event, const EventType& type) {
  const bool is_negative = type.positive_from && event.value && *event.value < *type.positive_from;
  return is_negative ? -type.weight : type.weight;
}

std::int64_t now_us() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::microseconds>(now).count();
}

}  // namespace

bool read_event(std::string_view bytes, const EventRules& rules, EventMessage& event) {
  const auto most = static_cast<std::size_t>(rules.id_bytes);
  return read_fields(bytes, rules, event) && event.event_id.size() <= most && event.user_id.size() <= most &&
         event.session_id.size() <= most && !(event.user_id.empty() && event.session_id.empty()) &&
         event.attribution_token.size() <= static_cast<std::size_t>(rules.token_bytes);
}

bool read_recent_event(std::string_view bytes, const EventRules& rules, RecentEvent& event) {
  EventMessage message;
  if (!read_fields(bytes, rules, message)) return false;
  const auto& type = rules.types[message.type];
  event = {.item_id = message.item_id,
           .weight = weight_of(message, type),
           .marks_seen = type.marks_seen,
           .time = (message.time_us ? *message.time_us : now_us()) / kMicrosPerSecond};
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
