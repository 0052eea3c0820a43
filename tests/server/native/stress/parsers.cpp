// recstream_front_parsers [SECONDS] [SEED]: gives the parsers of the native front valid messages that were damaged a
// little, each in memory of exactly its size, and checks what they let through. Prints how many; not 0 when a promise
// is broken. What the messages mean is compared with protobuf by tests/server/native/test_differential.py.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <random>
#include <source_location>
#include <string>
#include <string_view>
#include <vector>

#include "small_model.h"
#include "transport/stream_messages.h"
#include "transport/wire_writer.h"
#include "utf8.h"

namespace recstream::transport::stress {
namespace {

using Random = std::mt19937_64;

constexpr int kMostChanges = 4;
constexpr int kRunsAClock = 1000;

std::size_t below(Random& random, std::size_t end) { return end == 0 ? 0 : random() % end; }

void require(bool holds, const char* promise, std::source_location place = std::source_location::current()) {
  if (holds) return;
  std::cerr << place.file_name() << ':' << place.line() << ": " << promise << '\n';
  std::abort();
}

std::string event_message() {
  std::string time;
  append_number(time, 1, 1'700'000'000);
  append_number(time, 2, 999'999'999);
  std::string event;
  for (int field = 1; field <= 4; ++field) append_bytes(event, field, "item-" + std::to_string(field));
  append_bytes(event, 5, "rating");
  event += "\x31";
  event.append("\0\0\0\0\0\0\x10\x40", 8);
  append_bytes(event, 7, time);
  append_bytes(event, 8, "token.7");
  return event;
}

/// `values` is a serialized AttributeValues.
std::string filter_message(std::string_view attribute, std::string_view values) {
  std::string equals;
  append_bytes(equals, 1, attribute);
  append_bytes(equals, 2, values);
  std::string between;
  append_bytes(between, 1, "year");
  append_bytes(between, 3, std::string_view("\x09\0\0\0\0\0\xb0\x9d\x40\x21\0\0\0\0\0\x50\x9f\x40", 18));
  std::string exists;
  append_bytes(exists, 1, "year");
  append_number(exists, 4, 1);
  std::string filter;
  append_bytes(filter, 1, equals);
  append_bytes(filter, 2, between);
  append_bytes(filter, 3, exists);
  return filter;
}

std::string text_filter() {
  std::string texts;
  append_bytes(texts, 1, "Drama");
  append_bytes(texts, 1, "\xc3\xa9t\xc3\xa9");
  return filter_message("genres", texts);
}

std::string number_filter() {
  std::string numbers;
  append_bytes(numbers, 2, std::string_view("\0\0\0\0\0\xb0\x9d\x40\0\0\0\0\0\x50\x9f\x40", 16));
  return filter_message("year", numbers);
}

std::string recommend_message() {
  std::string query;
  append_bytes(query, 1, "user-1");
  append_bytes(query, 2, "visit");
  append_number(query, 3, 20);
  append_bytes(query, 4, "item-1");
  append_bytes(query, 5, "item-2");
  append_number(query, 6, 2);
  return query;
}

std::string with(std::string message, int field, std::string_view bytes) {
  append_bytes(message, field, bytes);
  return message;
}

/// Of each parser one, and some that need every part of it.
std::vector<std::string> valid_messages() {
  const auto event = event_message();
  const auto query = recommend_message();
  const auto filter = number_filter();
  const auto filtered = with(query, 7, filter);
  // A state that never comes: for a stream to find out.
  auto early = with(with(query, 11, event), 11, event);
  append_number(early, 14, 0x7fffffffffffffff);
  std::string rank;
  append_bytes(rank, 1, "user-1");
  for (int i = 0; i < 20; ++i) append_bytes(rank, 3, "item-" + std::to_string(i));
  append_bytes(rank, 8, filter);
  std::string similar;
  append_bytes(similar, 1, "item-1");
  append_number(similar, 2, 7);
  const auto write = with({}, 1, event);
  std::string sequence;
  append_number(sequence, 1, 0xffffffffffffffff);
  return {query,
          with(query, 11, event),
          text_filter(),
          filtered,
          filter,
          rank,
          similar,
          with(similar, 4, filter),
          write,
          with(with({}, 1, write), 1, write),
          with(sequence, 2, early),
          with(sequence, 3, event),
          with(sequence, 2, event),
          with(sequence, 2, filtered)};
}

std::string damaged(Random& random, const std::vector<std::string>& messages) {
  auto bytes = messages[below(random, messages.size())];
  const auto& other = messages[below(random, messages.size())];
  for (auto changes = below(random, kMostChanges + 1); changes > 0; --changes) {
    const auto place = below(random, bytes.size() + 1);
    const auto length = 1 + below(random, 8);
    switch (random() % 6) {
      case 0:
        if (place < bytes.size()) bytes[place] = static_cast<char>(random());
        break;
      case 1:
        if (place < bytes.size()) bytes[place] = static_cast<char>(bytes[place] ^ 1 << random() % 8);
        break;
      case 2:
        bytes.erase(place, length);
        break;
      case 3:
        bytes.insert(place, std::string(length, static_cast<char>(random())));
        break;
      case 4:
        bytes.insert(place, other.substr(below(random, other.size()), 4 * length));
        break;
      default:
        bytes.resize(place);
    }
  }
  return bytes;
}

bool is_inside(std::string_view part, std::string_view whole) {
  return part.empty() || (part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size());
}

void check_id(std::string_view id, std::string_view message) {
  require(is_inside(id, message), "an id is not of the message");
  require(id.size() <= static_cast<std::size_t>(query_limits().id_bytes), "an id is too long");
  require(is_utf8(id), "an id is not UTF-8");
}

void check_query(std::string_view bytes, const RecommendMessage& query) {
  check_id(query.user_id, bytes);
  check_id(query.session_id, bytes);
  for (const auto id : query.candidates) check_id(id, bytes);
  for (const auto id : query.exclude) check_id(id, bytes);
  require(query.k >= 1 && query.k <= query_limits().candidate_item_ids, "more items are asked for than may be");
  require(query.min_state_version >= 0, "a state version is negative");
}

void check_event(std::string_view bytes, const EventMessage& event) {
  for (const auto id : {event.event_id, event.user_id, event.session_id, event.item_id}) check_id(id, bytes);
  require(!event.item_id.empty() && event.type < event_rules().types.size(), "an event is about nothing");
  require(!event.value || std::isfinite(*event.value), "a value is not finite");
  require(!event.time_us || *event.time_us >= 0, "a time is before 1970");
}

class Parsers {
 public:
  /// All of them read it, whatever it is; how many took it.
  int read(std::string_view bytes) {
    int accepted = 0;
    for (const auto rpc : {Rpc::kRecommendItems, Rpc::kRankItems, Rpc::kFindSimilarItems})
      accepted += query(rpc, bytes);
    for (const auto rpc : {Rpc::kStreamingRecommend, Rpc::kStreamingWriteUserEvents}) accepted += stream(rpc, bytes);
    EventMessage event;
    if (read_write(bytes, rules_, event)) check_event(bytes, event), ++accepted;
    std::vector<EventMessage> events;
    if (read_batch_write(bytes, rules_, events)) ++accepted;
    AttributeFilter filter;
    if (read_filter(bytes, query_limits().filter, filter)) ++accepted;
    return accepted;
  }

 private:
  /// Up to the bytes of the answer.
  int query(Rpc rpc, std::string_view bytes) {
    auto query = queries_.read(rpc, bytes);
    if (query.reason == ForwardReason::kNone) queries_.answer({&query, 1});
    if (query.reason != ForwardReason::kNone) return 0;
    if (rpc != Rpc::kFindSimilarItems) check_query(bytes, query.recommend);
    std::string response;
    queries_.append(query, response);
    require(!response.empty(), "an answer says nothing");
    return 1;
  }

  int stream(Rpc rpc, std::string_view bytes) const {
    const auto message = read_stream_message(rpc, bytes, rules_);
    if (message.kind == StreamMessage::Kind::kEvent) check_event(bytes, message.event);
    require(is_inside(message.query, bytes), "a query is not of the message");
    return message.kind == StreamMessage::Kind::kOther ? 0 : 1;
  }

  SmallModel model_;
  const NativeQueries queries_{model_.served(), query_limits()};
  const EventRules& rules_ = event_rules();
};

void run(std::chrono::seconds time, std::uint64_t seed) {
  Random random(seed);
  Parsers parsers;
  const auto messages = valid_messages();
  for (const auto& message : messages) require(parsers.read(message) > 0, "a valid message is refused by all");
  const auto end = std::chrono::steady_clock::now() + time;
  std::uint64_t runs = 0;
  std::uint64_t accepted = 0;
  while (runs % kRunsAClock != 0 || std::chrono::steady_clock::now() < end) {
    const auto bytes = damaged(random, messages);
    // Of exactly this size, so that a byte too far is seen.
    const auto copy = std::make_unique<char[]>(bytes.size());
    std::copy(bytes.begin(), bytes.end(), copy.get());
    accepted += parsers.read({copy.get(), bytes.size()}) > 0 ? 1 : 0;
    ++runs;
  }
  std::cout << runs << " messages, " << accepted << " accepted by a parser, seed " << seed << '\n';
}

}  // namespace
}  // namespace recstream::transport::stress

int main(int argc, char** argv) {
  const std::chrono::seconds time(argc > 1 ? std::atoi(argv[1]) : 10);
  const auto seed = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1;
  recstream::transport::stress::run(time, seed);
}
