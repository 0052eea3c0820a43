#pragma once

#include <grpcpp/server_context.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>

#include "transport/front_state.h"

namespace recstream::transport {

/// Serves one call of a unary RPC that `NativeQueries` knows; the reactor is gRPC's to run.
grpc::ServerUnaryReactor* serve_unary(FrontState& front, Rpc rpc, grpc::CallbackServerContext& context,
                                      const grpc::ByteBuffer& request, grpc::ByteBuffer& response);

/// These end a call of any unary RPC otherwise: by the Python server, once it is admitted; or at once.
grpc::ServerUnaryReactor* forward_unary(FrontState& front, Rpc rpc, grpc::CallbackServerContext& context,
                                        const grpc::ByteBuffer& request, grpc::ByteBuffer& response,
                                        ForwardReason reason);
grpc::ServerUnaryReactor* refuse_unary(grpc::CallbackServerContext& context, const grpc::Status& refusal);

/// Ends a call that was cancelled, or half-closed, before its request came.
grpc::ServerUnaryReactor* refuse_without_request(grpc::CallbackServerContext& context);

}  // namespace recstream::transport
