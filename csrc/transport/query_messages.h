#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "transport/filter_messages.h"
#include "transport/forward_reason.h"

namespace recstream::transport {

/// What one request may ask for; docs/server.md describes each.
struct QueryLimits {
  std::int64_t id_bytes;
  std::int64_t page_size;
  std::int64_t candidate_item_ids;
  std::int64_t exclude_item_ids;
  FilterLimits filter;
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

/// These read a message. What they accept is valid, and means what it means to the Python server; everything else, be
/// it at fault or only rare, is that server's to judge. The reason says why; kNone when the message was accepted.
ForwardReason read_recommend(std::string_view bytes, const QueryLimits& limits, RecommendMessage& message);
ForwardReason read_rank(std::string_view bytes, const QueryLimits& limits, RecommendMessage& message);
ForwardReason read_similar(std::string_view bytes, const QueryLimits& limits, SimilarMessage& message);

}  // namespace recstream::transport
