#pragma once

#include <grpcpp/security/server_credentials.h>

#include <memory>
#include <optional>
#include <string>

namespace recstream::transport {

/// What the server shows, and what it asks to be shown; all of it PEM.
struct TlsFiles {
  /// The server's certificate first, then those between it and a root.
  std::string certificate_chain;
  std::string private_key;
  /// Who signs clients' certificates; without one clients need none, with one nobody gets in without.
  std::optional<std::string> client_ca;
};

/// Plain text without files. What the files hold must have been checked: gRPC says nothing useful about it.
std::shared_ptr<grpc::ServerCredentials> server_credentials(const std::optional<TlsFiles>& files);

}  // namespace recstream::transport
