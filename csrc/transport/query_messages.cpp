#include "transport/query_messages.h"

#include <algorithm>

#include "transport/wire_reader.h"

namespace recstream::transport {
namespace {

constexpr std::int64_t kDefaultPageSize = 10;
constexpr std::uint64_t kExcludeSeen = 1;
constexpr std::uint64_t kIncludeSeen = 2;

constexpr std::uint8_t varint_tag(int field) { return wire_tag(field, WireType::kVarint); }
constexpr std::uint8_t bytes_tag(int field) { return wire_tag(field, WireType::kBytes); }

bool fits(std::string_view id, const QueryLimits& limits) {
  return id.size() <= static_cast<std::size_t>(limits.id_bytes);
}

bool fit(const std::vector<std::string_view>& ids, std::int64_t most, const QueryLimits& limits) {
  return ids.size() <= static_cast<std::size_t>(most) &&
         std::all_of(ids.begin(), ids.end(), [&](auto id) { return !id.empty() && fits(id, limits); });
}

std::int64_t page_size(std::int64_t asked, const QueryLimits& limits) {
  return std::min(asked == 0 ? kDefaultPageSize : asked, limits.page_size);
}

void take_filter(WireReader& reader, const QueryLimits& limits, AttributeFilter& filter) {
  if (!read_filter(reader.bytes(), limits.filter, filter)) reader.fail();
}

/// Where a message has the fields that RecommendItemsRequest and RankItemsRequest share; no tag is 0.
struct Tags {
  std::uint8_t candidates;
  std::uint8_t seen_policy;
  std::uint8_t include_attributes;
  std::uint8_t recent_events;
  std::uint8_t min_state_version;
  std::uint8_t filter;
  std::uint8_t page_size = 0;
  std::uint8_t exclude = 0;
};

constexpr Tags kRecommendTags{.candidates = bytes_tag(4),
                              .seen_policy = varint_tag(6),
                              .include_attributes = varint_tag(10),
                              .recent_events = bytes_tag(11),
                              .min_state_version = varint_tag(14),
                              .filter = bytes_tag(7),
                              .page_size = varint_tag(3),
                              .exclude = bytes_tag(5)};
constexpr Tags kRankTags{.candidates = bytes_tag(3),
                         .seen_policy = varint_tag(4),
                         .include_attributes = varint_tag(5),
                         .recent_events = bytes_tag(6),
                         .min_state_version = varint_tag(7),
                         .filter = bytes_tag(8)};

/// Reads one of the two messages; what of it the two take differently is left to the caller.
class MessageReader {
 public:
  MessageReader(const Tags& tags, const QueryLimits& limits, RecommendMessage& message)
      : tags_(tags), limits_(limits), message_(message) {}

  bool read(std::string_view bytes) {
    WireReader reader(bytes);
    while (reader.next()) read_field(reader);
    return !reader.failed() && fits(message_.user_id, limits_) && fits(message_.session_id, limits_) &&
           seen_policy_ <= kIncludeSeen && fit(message_.candidates, limits_.candidate_item_ids, limits_) &&
           fit(message_.exclude, limits_.exclude_item_ids, limits_);
  }

  /// As they came; 0 when they did not.
  std::int64_t page_size() const { return page_size_; }
  std::uint64_t seen_policy() const { return seen_policy_; }

 private:
  void read_field(WireReader& reader) {
    const auto tag = reader.tag();
    if (tag == bytes_tag(1)) {
      message_.user_id = reader.text();
    } else if (tag == bytes_tag(2)) {
      message_.session_id = reader.text();
    } else if (tag == tags_.page_size) {
      page_size_ = reader.int32();
    } else if (tag == tags_.candidates) {
      message_.candidates.push_back(reader.text());
    } else if (tag == tags_.exclude) {
      message_.exclude.push_back(reader.text());
    } else if (tag == tags_.seen_policy) {
      seen_policy_ = reader.varint();
    } else if (tag == tags_.min_state_version) {
      message_.min_state_version = reader.int64();
    } else {
      read_rare_field(reader);
    }
  }

  void read_rare_field(WireReader& reader) {
    const auto tag = reader.tag();
    if (tag == tags_.filter) {
      take_filter(reader, limits_, message_.filter);
    } else if (tag == tags_.include_attributes) {
      message_.include_attributes = reader.boolean();
    } else if (tag == tags_.recent_events) {
      read_recent(reader);
    } else {
      reader.fail();
    }
  }

  void read_recent(WireReader& reader) {
    auto& events = message_.recent_events;
    const bool has_room = events.size() < static_cast<std::size_t>(limits_.recent_events);
    if (!has_room || !read_recent_event(reader.bytes(), *limits_.events, events.emplace_back())) reader.fail();
  }

  const Tags& tags_;
  const QueryLimits& limits_;
  RecommendMessage& message_;
  std::int64_t page_size_ = 0;
  std::uint64_t seen_policy_ = 0;
};

}  // namespace

bool read_recommend(std::string_view bytes, const QueryLimits& limits, RecommendMessage& message) {
  MessageReader reader(kRecommendTags, limits, message);
  const bool accepted = reader.read(bytes);
  message.k = page_size(reader.page_size(), limits);
  message.exclude_seen = reader.seen_policy() != kIncludeSeen;
  return accepted;
}

bool read_rank(std::string_view bytes, const QueryLimits& limits, RecommendMessage& message) {
  MessageReader reader(kRankTags, limits, message);
  const bool accepted = reader.read(bytes);
  message.k = static_cast<std::int64_t>(message.candidates.size());
  message.exclude_seen = reader.seen_policy() == kExcludeSeen;
  return accepted && message.k > 0;
}

bool read_similar(std::string_view bytes, const QueryLimits& limits, SimilarMessage& message) {
  WireReader reader(bytes);
  std::int64_t asked = 0;
  while (reader.next()) {
    switch (reader.tag()) {
      case bytes_tag(1):
        message.item_id = reader.text();
        break;
      case varint_tag(2):
        asked = reader.int32();
        break;
      case varint_tag(3):
        message.include_attributes = reader.boolean();
        break;
      case bytes_tag(4):
        take_filter(reader, limits, message.filter);
        break;
      default:
        reader.fail();
    }
  }
  message.k = page_size(asked, limits);
  return !reader.failed() && !message.item_id.empty() && fits(message.item_id, limits);
}

}  // namespace recstream::transport
