#pragma once

#include <grpcpp/client_context.h>
#include <grpcpp/server_context.h>

namespace recstream::transport {

/// Makes a call to the Python server look like the one received: its metadata, its deadline and its authority.
void copy_request_metadata(const grpc::CallbackServerContext& received, grpc::ClientContext& call);

/// Passes on what the Python server sent before its first message, and after its last one. Its status goes another way.
void copy_initial_metadata(const grpc::ClientContext& call, grpc::CallbackServerContext& received);
void copy_trailing_metadata(const grpc::ClientContext& call, grpc::CallbackServerContext& received);

}  // namespace recstream::transport
