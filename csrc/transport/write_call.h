#pragma once

#include <grpcpp/server_context.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>

#include "transport/front_state.h"

namespace recstream::transport {

/// Serves one call of WriteUserEvent or BatchWriteUserEvents; the reactor is gRPC's to run.
grpc::ServerUnaryReactor* serve_write(FrontState& front, Rpc rpc, grpc::CallbackServerContext& context,
                                      const grpc::ByteBuffer& request, grpc::ByteBuffer& response);

}  // namespace recstream::transport
