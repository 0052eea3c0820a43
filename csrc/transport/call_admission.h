#pragma once

#include <grpcpp/server_context.h>

#include "transport/front_state.h"

namespace recstream::transport {

/// Whether the caller has stopped waiting.
bool is_expired(const grpc::CallbackServerContext& context);

/// Why a call must not be begun, or null when it may: it is then at work until `leave_call`. Counts the refusal.
const grpc::Status* refuse_call(FrontState& front, Rpc rpc, const grpc::CallbackServerContext& context);

void leave_call(FrontState& front, Rpc rpc);

}  // namespace recstream::transport
