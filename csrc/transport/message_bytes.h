#pragma once

#include <grpcpp/support/byte_buffer.h>

#include <string>
#include <string_view>

namespace recstream::transport {

/// A received message as one piece of memory. Must not outlive the buffer.
class MessageBytes {
 public:
  explicit MessageBytes(const grpc::ByteBuffer& message) {
    if (!message.TrySingleSlice(&slice_).ok()) message.DumpToSingleSlice(&slice_);
  }

  std::string_view view() const { return {reinterpret_cast<const char*>(slice_.begin()), slice_.size()}; }

 private:
  grpc::Slice slice_;
};

/// A message to send.
inline grpc::ByteBuffer to_message(const std::string& bytes) {
  const grpc::Slice slice(bytes.data(), bytes.size());
  return {&slice, 1};
}

}  // namespace recstream::transport
