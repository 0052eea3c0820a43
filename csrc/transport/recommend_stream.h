#pragma once

#include <grpcpp/generic/async_generic_service.h>

#include "transport/front_state.h"

namespace recstream::transport {

/// Serves one call of StreamingRecommend; the reactor is gRPC's to run. A message that is not answered here opens a
/// stream to the Python server, and goes there; those that come before its answer go the same way, so order is kept.
grpc::ServerGenericBidiReactor* serve_recommend_stream(FrontState& front, grpc::GenericCallbackServerContext& context);

}  // namespace recstream::transport
