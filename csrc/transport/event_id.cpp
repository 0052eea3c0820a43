#include "transport/event_id.h"

#include <chrono>
#include <cstdint>
#include <random>

namespace recstream::transport {
namespace {

void append_hex(std::string& out, std::uint64_t value) {
  for (int shift = 60; shift >= 0; shift -= 4) out.push_back("0123456789abcdef"[value >> shift & 0xf]);
}

}  // namespace

std::string new_event_id() {
  thread_local std::random_device random;
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  std::string id;
  id.reserve(32);
  append_hex(id, static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(now).count()));
  append_hex(id, std::uint64_t{random()} << 32 | random());
  return id;
}

}  // namespace recstream::transport
