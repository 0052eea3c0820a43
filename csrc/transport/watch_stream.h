#pragma once

#include <grpcpp/impl/service_type.h>

#include <memory>

#include "transport/front_state.h"

namespace recstream::transport {

/// Serves WatchRecommendations. A list is made when it can be sent, so that a slow reader skips old ones, and at most
/// one waits in memory. A query that is not answered here makes the Python server serve its stream, from the beginning
/// or from then on. `front` must outlive the service.
std::unique_ptr<grpc::Service> make_watch_service(FrontState& front);

}  // namespace recstream::transport
