#pragma once

#include <grpcpp/support/status.h>

#include <string>

namespace recstream::transport {

/// The status that a serialized google.rpc.Status stands for, with itself as the details that go along. Throws
/// std::invalid_argument when it is none.
grpc::Status read_status(const std::string& bytes);

}  // namespace recstream::transport
