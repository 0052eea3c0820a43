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

/// The value of `include_attributes`, and what it makes of the message.
ForwardReason attributes(WireReader& reader, ForwardReason reason) {
  return reader.boolean() ? ForwardReason::kAttributes : reason;
}

ForwardReason rare(WireReader& reader, ForwardReason reason) {
  reader.bytes();
  return reason;
}

/// A message that was read to the end.
ForwardReason verdict(const WireReader& reader, bool valid, ForwardReason reason) {
  return reader.failed() || !valid ? ForwardReason::kIrregular : reason;
}

}  // namespace

ForwardReason read_recommend(std::string_view bytes, const QueryLimits& limits, RecommendMessage& message) {
  WireReader reader(bytes);
  auto reason = ForwardReason::kNone;
  std::int64_t asked = 0;
  std::uint64_t seen_policy = 0;
  while (reader.next()) {
    switch (reader.tag()) {
      case bytes_tag(1):
        message.user_id = reader.text();
        break;
      case bytes_tag(2):
        message.session_id = reader.text();
        break;
      case varint_tag(3):
        asked = reader.int32();
        break;
      case bytes_tag(4):
        message.candidates.push_back(reader.text());
        break;
      case bytes_tag(5):
        message.exclude.push_back(reader.text());
        break;
      case varint_tag(6):
        seen_policy = reader.varint();
        break;
      case bytes_tag(7):
        reason = rare(reader, ForwardReason::kFilter);
        break;
      case varint_tag(10):
        reason = attributes(reader, reason);
        break;
      case bytes_tag(11):
        reason = rare(reader, ForwardReason::kRecentEvents);
        break;
      case varint_tag(14):
        message.min_state_version = reader.int64();
        break;
      default:
        reader.fail();
    }
  }
  message.k = page_size(asked, limits);
  message.exclude_seen = seen_policy != kIncludeSeen;
  const bool valid = fits(message.user_id, limits) && fits(message.session_id, limits) && seen_policy <= kIncludeSeen &&
                     fit(message.candidates, limits.candidate_item_ids, limits) &&
                     fit(message.exclude, limits.exclude_item_ids, limits);
  return verdict(reader, valid, reason);
}

ForwardReason read_rank(std::string_view bytes, const QueryLimits& limits, RecommendMessage& message) {
  WireReader reader(bytes);
  auto reason = ForwardReason::kNone;
  std::uint64_t seen_policy = 0;
  while (reader.next()) {
    switch (reader.tag()) {
      case bytes_tag(1):
        message.user_id = reader.text();
        break;
      case bytes_tag(2):
        message.session_id = reader.text();
        break;
      case bytes_tag(3):
        message.candidates.push_back(reader.text());
        break;
      case varint_tag(4):
        seen_policy = reader.varint();
        break;
      case varint_tag(5):
        reason = attributes(reader, reason);
        break;
      case bytes_tag(6):
        reason = rare(reader, ForwardReason::kRecentEvents);
        break;
      case varint_tag(7):
        message.min_state_version = reader.int64();
        break;
      case bytes_tag(8):
        reason = rare(reader, ForwardReason::kFilter);
        break;
      default:
        reader.fail();
    }
  }
  message.k = static_cast<std::int64_t>(message.candidates.size());
  message.exclude_seen = seen_policy == kExcludeSeen;
  const bool valid = fits(message.user_id, limits) && fits(message.session_id, limits) && seen_policy <= kIncludeSeen &&
                     message.k > 0 && fit(message.candidates, limits.candidate_item_ids, limits);
  return verdict(reader, valid, reason);
}

ForwardReason read_similar(std::string_view bytes, const QueryLimits& limits, SimilarMessage& message) {
  WireReader reader(bytes);
  auto reason = ForwardReason::kNone;
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
        reason = attributes(reader, reason);
        break;
      case bytes_tag(4):
        reason = rare(reader, ForwardReason::kFilter);
        break;
      default:
        reader.fail();
    }
  }
  message.k = page_size(asked, limits);
  return verdict(reader, !message.item_id.empty() && fits(message.item_id, limits), reason);
}

}  // namespace recstream::transport
