#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "transport/event_messages.h"
#include "transport/filter_messages.h"

namespace recstream::transport {

/// What one request may ask for; docs/server.md describes each.
struct QueryLimits {
  std::int64_t id_bytes;
  std::int64_t page_size;
  std::int64_t candidate_item_ids;
  std::int64_t exclude_item_ids;
  std::int64_t recent_events;
  FilterLimits filter;
  /// Of `recent_events`.
  const EventRules* events;
};

/// RecommendItemsRequest and RankItemsRequest. Views the message.
struct RecommendMessage {
  std::string_view user_id;
  std::string_view session_id;
  std::int64_t k = 0;
  std::vector<std::string_view> candidates;
  std::vector<std::string_view> exclude;
  bool exclude_seen = true;
  std::int64_t min_state_version = 0;
  std::vector<RecentEvent> recent_events;
  /// Without conditions when all items pass.
  AttributeFilter filter;
  bool include_attributes = false;
};

/// FindSimilarItemsRequest. Views the message.
struct SimilarMessage {
  std::string_view item_id;
  std::int64_t k = 0;
  /// As above.
  AttributeFilter filter;
  bool include_attributes = false;
};

/// These read a message, and tell whether it was accepted. What they accept is valid but for what depends on the model,
/// and means what it means to the Python server; everything else, be it at fault or only rare, is that server's to
/// judge.
bool read_recommend(std::string_view bytes, const QueryLimits& limits, RecommendMessage& message);
bool read_rank(std::string_view bytes, const QueryLimits& limits, RecommendMessage& message);
bool read_similar(std::string_view bytes, const QueryLimits& limits, SimilarMessage& message);

}  // namespace recstream::transport
