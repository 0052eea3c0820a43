#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "transport/event_queue.h"
#include "transport/forward_reason.h"
#include "transport/front_state.h"
#include "transport/rpc.h"

namespace recstream::transport {

/// A message of StreamingRecommend or StreamingWriteUserEvents. Views the bytes.
struct StreamMessage {
  /// Neither: the Python server's to answer.
  enum class Kind : std::uint8_t { kEvent, kQuery, kOther };

  Kind kind = Kind::kOther;
  /// As it was written.
  std::uint64_t sequence = 0;
  EventMessage event;
  /// A serialized RecommendItemsRequest, and whom it is about.
  std::string_view query;
  std::string_view user_id;
  std::string_view session_id;
};

/// The ids of a RecommendItemsRequest; what else is wrong with it shows when it is answered.
bool read_subject(std::string_view bytes, std::string_view& user_id, std::string_view& session_id);

StreamMessage read_stream_message(Rpc rpc, std::string_view bytes, const EventRules& rules);

/// The answer to a query with this sequence, made of a serialized RecommendItemsResponse.
std::string query_answer(std::uint64_t sequence, std::string_view recommendation);

/// The answer to an event with this sequence on a stream of the RPC.
std::string event_answer(Rpc rpc, std::uint64_t sequence, const EventOutcome& outcome);

}  // namespace recstream::transport
