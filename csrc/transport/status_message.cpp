#include "transport/status_message.h"

#include <stdexcept>
#include <string_view>

#include "transport/wire_reader.h"

namespace recstream::transport {

grpc::Status read_status(const std::string& bytes) {
  WireReader reader(bytes);
  int code = 0;
  std::string_view message;
  while (reader.next()) {
    switch (reader.tag()) {
      case wire_tag(1, WireType::kVarint):
        code = reader.int32();
        break;
      case wire_tag(2, WireType::kBytes):
        message = reader.text();
        break;
      case wire_tag(3, WireType::kBytes):
        reader.bytes();
        break;
      default:
        reader.fail();
    }
  }
  if (reader.failed()) throw std::invalid_argument("not a serialized google.rpc.Status");
  return {static_cast<grpc::StatusCode>(code), std::string(message), bytes};
}

}  // namespace recstream::transport
