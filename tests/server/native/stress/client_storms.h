#pragma once

#include <atomic>
#include <cstdint>
#include <string>

namespace recstream::transport::stress {

/// What the clients must find.
struct Expected {
  /// Answer of RecommendItems for the user of `reader_query`, of whom there never is an event.
  std::string reader_answer;
  /// Neither limits nor a shutdown refuse anything.
  bool everything_answered;
};

/// A serialized RecommendItemsRequest.
std::string reader_query();

/// One client, until it is told to stop: calls of all kinds, right and wrong, finished, cancelled, with short
/// deadlines; streams that are read to the end, half-closed at once, read slowly or not at all, or left; connections
/// that break or speak nonsense. Ends the program when an answer is wrong.
void run_client(const std::string& target, const Expected& expected, unsigned seed, const std::atomic<bool>& stopped);

}  // namespace recstream::transport::stress
