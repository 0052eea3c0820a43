#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "transport/rpc.h"

namespace recstream::transport {

/// Calls or stream messages of one RPC that ended alike since the log was last read.
struct CallReport {
  Rpc rpc = Rpc::kOther;
  int code = 0;
  bool is_message = false;
  std::uint64_t count = 0;
  /// Of the slowest; none for streams and messages.
  std::optional<double> seconds;
  /// A serialized google.rpc.Status, that of the first; empty where there is none.
  std::string status;
};

/// Keeps what a person should know of calls that failed or took long, until somebody reads it: an entry for each RPC
/// and code, however many there are. Calls that do neither cost a comparison. Safe to use from many threads.
class CallLog {
 public:
  explicit CallLog(double slow_seconds) : slow_seconds_(slow_seconds) {}

  /// The end of a call; `seconds` of a unary one.
  void call(Rpc rpc, int code, std::optional<double> seconds, std::string_view status) {
    const bool is_slow = seconds && *seconds > slow_seconds_;
    if (is_slow || (code != kOk && code != kCancelled)) add({rpc, code, false}, seconds, status);
  }

  /// The answer to a message of a stream, or to an entry of a batch.
  void message(Rpc rpc, int code, std::string_view status) {
    if (code != kOk) add({rpc, code, true}, std::nullopt, status);
  }

  /// All that has come since the last time.
  std::vector<CallReport> take();

 private:
  static constexpr int kOk = 0;
  static constexpr int kCancelled = 1;

  struct Key {
    Rpc rpc;
    int code;
    bool is_message;
  };

  void add(Key key, std::optional<double> seconds, std::string_view status);

  const double slow_seconds_;
  std::mutex mutex_;
  std::vector<CallReport> reports_;
};

}  // namespace recstream::transport
