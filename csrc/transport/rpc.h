#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace recstream::transport {

/// The RPCs that are counted by name; kOther stands for health, reflection and what nobody knows.
enum class Rpc : std::uint8_t {
  kRecommendItems,
  kRankItems,
  kFindSimilarItems,
  kBatchRecommendItems,
  kStreamingRecommend,
  kWatchRecommendations,
  kWriteUserEvent,
  kBatchWriteUserEvents,
  kStreamingWriteUserEvents,
  kListUserEvents,
  kListModels,
  kGetModel,
  kOther,
};

struct RpcKind {
  /// As in the path of a call, and but for the first character in metrics.
  const char* path;
  bool is_stream;
};

inline constexpr std::array<RpcKind, 13> kRpcs = {{
    {"/recstream.v1.RecommendationService/RecommendItems", false},
    {"/recstream.v1.RecommendationService/RankItems", false},
    {"/recstream.v1.RecommendationService/FindSimilarItems", false},
    {"/recstream.v1.RecommendationService/BatchRecommendItems", false},
    {"/recstream.v1.RecommendationService/StreamingRecommend", true},
    {"/recstream.v1.RecommendationService/WatchRecommendations", true},
    {"/recstream.v1.UserEventService/WriteUserEvent", false},
    {"/recstream.v1.UserEventService/BatchWriteUserEvents", false},
    {"/recstream.v1.UserEventService/StreamingWriteUserEvents", true},
    {"/recstream.v1.UserEventService/ListUserEvents", false},
    {"/recstream.v1.ModelService/ListModels", false},
    {"/recstream.v1.ModelService/GetModel", false},
    {"/other", false},
}};

constexpr const RpcKind& kind_of(Rpc rpc) { return kRpcs[static_cast<std::size_t>(rpc)]; }

/// The RPC with a path; kOther when there is none.
constexpr Rpc find_rpc(std::string_view path) {
  std::size_t i = 0;
  while (i + 1 < kRpcs.size() && path != kRpcs[i].path) ++i;
  return static_cast<Rpc>(i);
}

}  // namespace recstream::transport
