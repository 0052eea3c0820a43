#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace recstream::transport {

/// A WatchRecommendationsRequest. Views the message.
struct WatchMessage {
  /// The RecommendItemsRequest; what is wrong with it shows when it is answered.
  std::string_view recommend;
  std::string_view user_id;
  std::string_view session_id;
  std::chrono::nanoseconds min_interval = std::chrono::milliseconds(100);
};

/// Reads a message, and tells whether it was accepted, as `read_write` does.
bool read_watch(std::string_view bytes, WatchMessage& message);

/// The numbers are those of WatchRecommendationsResponse.Cause.
enum class WatchCause : std::uint8_t { kInitial = 1, kEvent = 2 };

/// A WatchRecommendationsResponse around a RecommendItemsResponse.
std::string watched_list(std::string_view recommendation, WatchCause cause);

/// The RecommendItemsResponse in a WatchRecommendationsResponse. Views the message.
std::string_view recommendation_in(std::string_view list);

/// Of a RecommendItemsResponse.
std::int64_t state_version_in(std::string_view recommendation);

}  // namespace recstream::transport
