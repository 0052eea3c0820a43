#pragma once

#include <cstdint>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "wire.h"

namespace serving {

/// What is sent, over and over, and what must come back.
enum class Kind : std::uint8_t {
  kQuery = 'q',  ///< a query; the answer has so many items
  kEvent = 'e',  ///< an event; the acknowledgement has a state version
  kPair = 'p',   ///< on a stream, an event and right behind it a query, whose answer must have the event in it
};

struct Entry {
  Kind kind;
  std::string first, second;
};

/// Reads entries: a byte for the kind, then a message behind its length of 4 bytes, or two of them for a pair.
inline std::vector<Entry> read_script(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string content{std::istreambuf_iterator<char>(file), {}};
  std::string_view rest = content;
  const auto message = [&rest] {
    if (rest.size() < 4 || rest.size() - 4 < get_number(rest.substr(0, 4))) throw std::runtime_error("script is cut");
    const std::size_t size = get_number(rest.substr(0, 4));
    std::string out = framed(rest.substr(4, size));
    rest.remove_prefix(4 + size);
    return out;
  };
  std::vector<Entry> entries;
  while (!rest.empty()) {
    const auto kind = static_cast<Kind>(rest.front());
    rest.remove_prefix(1);
    Entry entry{kind, message(), {}};
    if (kind == Kind::kPair) entry.second = message();
    entries.push_back(std::move(entry));
  }
  if (entries.empty()) throw std::runtime_error("script is empty: " + path);
  return entries;
}

/// Field numbers of recstream.v1.
enum class Wrapping : std::uint8_t { kNone, kRecommendStream, kWriteStream };

struct Answer {
  std::size_t items = 0;
  std::int64_t version = 0;
  bool failed = false;
};

inline Answer read_recommendations(std::string_view message) {
  Answer answer;
  for (Fields fields(message); fields.next();) {
    if (fields.number == 1) ++answer.items;
    if (fields.number == 3) answer.version = static_cast<std::int64_t>(fields.value);
  }
  return answer;
}

inline Answer read_acknowledgement(std::string_view message) {
  Answer answer;
  for (Fields fields(message); fields.next();) {
    if (fields.number == 2) answer.version = static_cast<std::int64_t>(fields.value);
  }
  return answer;
}

/// RecommendItemsResponse or WriteUserEventResponse, bare or as the message of a stream.
inline Answer read_answer(Wrapping wrapping, bool of_query, std::string_view message) {
  if (wrapping == Wrapping::kNone) return of_query ? read_recommendations(message) : read_acknowledgement(message);
  const int wanted = wrapping == Wrapping::kRecommendStream && !of_query ? 3 : 2;
  for (Fields fields(message); fields.next();) {
    if (fields.number == wanted)
      return of_query ? read_recommendations(fields.bytes) : read_acknowledgement(fields.bytes);
  }
  return {.failed = true};
}

}  // namespace serving
