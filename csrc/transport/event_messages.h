#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "recstream/engine.h"

namespace recstream::transport {

/// What an event of one type says of its item.
struct EventType {
  double weight = 0;
  bool marks_seen = false;
  /// A value below this one counts with -weight.
  std::optional<double> positive_from;
};

/// What an event must be like to be taken here; docs/server.md describes each.
struct EventRules {
  std::int64_t id_bytes;
  std::int64_t token_bytes;
  std::int64_t batch_requests;
  /// The configured types, and their numbers by name.
  std::vector<EventType> types;
  std::map<std::string, std::size_t, std::less<>> type_numbers;
};

/// A UserEvent. Views the message.
struct EventMessage {
  /// Empty: one is to be made.
  std::string_view event_id;
  std::string_view user_id;
  std::string_view session_id;
  std::string_view item_id;
  std::size_t type = 0;
  std::optional<double> value;
  /// Microseconds since 1970; none: the time of the arrival.
  std::optional<std::int64_t> time_us;
  std::string_view attribution_token;
};

/// These read a message, and tell whether it was accepted. What they accept is valid, and means what it means to the
/// Python server; everything else, be it at fault or only rare, is that server's to judge.
bool read_event(std::string_view bytes, const EventRules& rules, EventMessage& event);
/// One that a query brings along: of its ids only the item's counts.
bool read_recent_event(std::string_view bytes, const EventRules& rules, RecentEvent& event);
/// A WriteUserEventRequest.
bool read_write(std::string_view bytes, const EventRules& rules, EventMessage& event);
/// A BatchWriteUserEventsRequest.
bool read_batch_write(std::string_view bytes, const EventRules& rules, std::vector<EventMessage>& events);
/// A StreamingWriteUserEventsRequest. `sequence` as it was written.
bool read_streaming_write(std::string_view bytes, const EventRules& rules, std::uint64_t& sequence,
                          EventMessage& event);

/// A WriteUserEventResponse.
std::string acknowledgement(std::string_view event_id, std::int64_t state_version, bool duplicate);

}  // namespace recstream::transport
