#pragma once

#include <grpcpp/server_context.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>

#include "transport/front_state.h"

namespace recstream::transport {

/// Serves one call of BatchRecommendItems; the reactor is gRPC's to run. One query that is not answered here, or one
/// answer too many for the message, and the Python server answers them all.
grpc::ServerUnaryReactor* serve_batch(FrontState& front, Rpc rpc, grpc::CallbackServerContext& context,
                                      const grpc::ByteBuffer& request, grpc::ByteBuffer& response);

}  // namespace recstream::transport
