#include "transport/metadata.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

namespace recstream::transport {
namespace {

/// What belongs to one connection or is made anew by gRPC itself; everything else is the application's.
bool is_of_the_hop(std::string_view key) {
  static constexpr std::array<std::string_view, 6> kHop = {"user-agent", "content-type",    "te",
                                                           "host",       "accept-encoding", "content-encoding"};
  if (key.starts_with("grpc-")) return key != "grpc-trace-bin" && key != "grpc-tags-bin";
  return key.starts_with(':') || std::find(kHop.begin(), kHop.end(), key) != kHop.end();
}

template <class Entries, class Add>
void copy(const Entries& entries, const Add& add) {
  for (const auto& [key, value] : entries) {
    if (!is_of_the_hop({key.data(), key.size()})) {
      add(std::string(key.data(), key.size()), std::string(value.data(), value.size()));
    }
  }
}

}  // namespace

void copy_request_metadata(const grpc::CallbackServerContext& received, grpc::ClientContext& call) {
  copy(received.client_metadata(), [&](const auto& key, const auto& value) { call.AddMetadata(key, value); });
  call.set_deadline(received.deadline());
}

void copy_initial_metadata(const grpc::ClientContext& call, grpc::CallbackServerContext& received) {
  copy(call.GetServerInitialMetadata(),
       [&](const auto& key, const auto& value) { received.AddInitialMetadata(key, value); });
}

void copy_trailing_metadata(const grpc::ClientContext& call, grpc::CallbackServerContext& received) {
  copy(call.GetServerTrailingMetadata(),
       [&](const auto& key, const auto& value) { received.AddTrailingMetadata(key, value); });
}

}  // namespace recstream::transport
