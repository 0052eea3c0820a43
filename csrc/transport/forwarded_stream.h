#pragma once

#include <grpcpp/generic/async_generic_service.h>

#include "transport/front_state.h"

namespace recstream::transport {

/// Serves a call of any kind by the Python server: messages, metadata, deadline, cancellation and status are passed on
/// unchanged, one message at a time in each direction. The reactor is gRPC's to run.
grpc::ServerGenericBidiReactor* forward_stream(FrontState& front, Rpc rpc, grpc::GenericCallbackServerContext& context,
                                               ForwardReason reason);

/// Ends a call that is not even begun.
grpc::ServerGenericBidiReactor* refuse_stream(const grpc::Status& status);

}  // namespace recstream::transport
