#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace recstream::transport {

/// Why a call or a message goes to the Python server.
enum class ForwardReason : std::uint8_t {
  kNone,
  /// The RPC is not served here.
  kRpc,
  /// Not plainly valid: the Python server says what is wrong with it, if anything is.
  kIrregular,
  /// The user's vector is to be made by a neural encoder.
  kEncoder,
  /// The model is searched by an approximate index.
  kApproximate,
  /// It comes on a stream behind others that were forwarded and are not yet answered.
  kBehind,
  kDraining,
};

inline constexpr std::array<std::string_view, 7> kForwardReasonNames = {"none",        "rpc",    "irregular", "encoder",
                                                                        "approximate", "behind", "draining"};

inline constexpr std::size_t kForwardReasons = kForwardReasonNames.size();

}  // namespace recstream::transport
