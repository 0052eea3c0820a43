#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "transport/call_log.h"
#include "transport/forward_reason.h"
#include "transport/rpc.h"

namespace recstream::transport {

/// gRPC's status codes.
inline constexpr std::size_t kStatusCodes = 17;

/// What became of the calls of one RPC.
struct RpcCounts {
  explicit RpcCounts(std::size_t buckets) : took(buckets) {}

  /// Calls and stream messages that ended here, by status code.
  std::array<std::atomic<std::uint64_t>, kStatusCodes> calls{};
  std::array<std::atomic<std::uint64_t>, kStatusCodes> messages{};
  /// Calls and stream messages that went to the Python server, by reason.
  std::array<std::atomic<std::uint64_t>, kForwardReasons> forwarded{};
  /// Unary calls that ended here, by the first bound that their time does not exceed; the last one has no bound.
  std::vector<std::atomic<std::uint64_t>> took;
  std::atomic<std::uint64_t> nanoseconds{0};
};

/// Counts calls, and logs those that failed or took long; read when somebody asks for the metrics. Safe to use from
/// many threads.
class CallCounts {
 public:
  using Clock = std::chrono::steady_clock;

  /// `bounds` are seconds, rising; calls that take longer than `slow_seconds` are logged.
  CallCounts(std::vector<double> bounds, double slow_seconds) : log_(slow_seconds), bounds_(std::move(bounds)) {
    for (std::size_t i = 0; i < kRpcs.size(); ++i) rpcs_.emplace_back(bounds_.size() + 1);
  }

  /// The end of a stream. `status`, here and below, is a serialized google.rpc.Status, for the log.
  void call(Rpc rpc, int code, std::string_view status = {}) {
    add(of(rpc).calls, code);
    log_.call(rpc, code, std::nullopt, status);
  }
  void message(Rpc rpc, int code, std::string_view status = {}) {
    add(of(rpc).messages, code);
    log_.message(rpc, code, status);
  }
  void forwarded(Rpc rpc, ForwardReason reason) { add(of(rpc).forwarded, static_cast<int>(reason)); }

  /// The end of a unary call.
  void call(Rpc rpc, int code, Clock::time_point started, std::string_view status = {}) {
    add(of(rpc).calls, code);
    const auto took = std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - started).count();
    const auto seconds = static_cast<double>(took) * 1e-9;
    std::size_t bucket = 0;
    while (bucket < bounds_.size() && seconds > bounds_[bucket]) ++bucket;
    add(of(rpc).took, static_cast<int>(bucket));
    of(rpc).nanoseconds.fetch_add(static_cast<std::uint64_t>(took), std::memory_order_relaxed);
    log_.call(rpc, code, seconds, status);
  }

  CallLog& log() { return log_; }

  const RpcCounts& operator[](std::size_t rpc) const { return rpcs_[rpc]; }

 private:
  template <class Counters>
  static void add(Counters& counters, int index) {
    counters[static_cast<std::size_t>(index)].fetch_add(1, std::memory_order_relaxed);
  }

  RpcCounts& of(Rpc rpc) { return rpcs_[static_cast<std::size_t>(rpc)]; }

  CallLog log_;
  const std::vector<double> bounds_;
  /// Atomics do not move, and neither do the elements of a deque.
  std::deque<RpcCounts> rpcs_;
};

}  // namespace recstream::transport
