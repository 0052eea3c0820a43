#pragma once

#include <grpcpp/generic/async_generic_service.h>

#include "transport/front_state.h"

namespace recstream::transport {

/// Serves one call of StreamingRecommend or StreamingWriteUserEvents; the reactor is gRPC's to run. Messages are worked
/// on together, up to the window, and answered in their order: an event is queued at once, unless a query before it is
/// about the same user or session and has yet to be answered; a query is answered when all before it is. A message that
/// is not answered here goes to the Python server, on a stream of its own, when all before it is answered; while such a
/// one waits for its answer, those behind it go the same way.
grpc::ServerGenericBidiReactor* serve_ordered_stream(FrontState& front, Rpc rpc,
                                                     grpc::GenericCallbackServerContext& context);

}  // namespace recstream::transport
