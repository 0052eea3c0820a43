#include "transport/stream_messages.h"

#include "transport/wire_reader.h"
#include "transport/wire_writer.h"

namespace recstream::transport {
namespace {

constexpr std::uint8_t bytes_tag(int field) { return wire_tag(field, WireType::kBytes); }

}  // namespace

bool read_subject(std::string_view bytes, std::string_view& user_id, std::string_view& session_id) {
  WireReader reader(bytes);
  while (reader.next()) {
    switch (reader.tag()) {
      case bytes_tag(1):
        user_id = reader.text();
        break;
      case bytes_tag(2):
        session_id = reader.text();
        break;
      default:
        reader.skip();
    }
  }
  return !reader.failed();
}

StreamMessage read_stream_message(Rpc rpc, std::string_view bytes, const EventRules& rules) {
  const bool recommends = rpc == Rpc::kStreamingRecommend;
  const auto event_tag = bytes_tag(recommends ? 3 : 2);
  StreamMessage message;
  WireReader reader(bytes);
  int messages = 0;
  while (reader.next()) {
    if (reader.tag() == wire_tag(1, WireType::kVarint)) {
      message.sequence = reader.varint();
    } else if (reader.tag() == event_tag && ++messages == 1) {
      message.kind = StreamMessage::Kind::kEvent;
      if (!read_event(reader.bytes(), rules, message.event)) reader.fail();
    } else if (recommends && reader.tag() == bytes_tag(2) && ++messages == 1) {
      message.kind = StreamMessage::Kind::kQuery;
      message.query = reader.bytes();
      if (!read_subject(message.query, message.user_id, message.session_id)) reader.fail();
    } else {
      reader.fail();
    }
  }
  if (reader.failed()) message.kind = StreamMessage::Kind::kOther;
  return message;
}

std::string query_answer(std::uint64_t sequence, std::string_view recommendation) {
  std::string out;
  out.reserve(recommendation.size() + 16);
  append_number(out, 1, sequence);
  append_bytes(out, 2, recommendation);
  return out;
}

std::string event_answer(Rpc rpc, std::uint64_t sequence, const EventOutcome& outcome) {
  const int field = rpc == Rpc::kStreamingRecommend ? 3 : 2;
  std::string out;
  append_number(out, 1, sequence);
  if (outcome.error) {
    append_bytes(out, field + 1, *outcome.error);
  } else {
    append_bytes(out, field, acknowledgement(outcome.event_id, outcome.state_version, outcome.duplicate));
  }
  return out;
}

}  // namespace recstream::transport
