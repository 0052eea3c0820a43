#include "transport/server_credentials.h"

namespace recstream::transport {

std::shared_ptr<grpc::ServerCredentials> server_credentials(const std::optional<TlsFiles>& files) {
  if (!files) return grpc::InsecureServerCredentials();
  grpc::SslServerCredentialsOptions options(files->client_ca
                                                ? GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY
                                                : GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE);
  options.pem_key_cert_pairs.push_back({.private_key = files->private_key, .cert_chain = files->certificate_chain});
  options.pem_root_certs = files->client_ca.value_or("");
  return grpc::SslServerCredentials(options);
}

}  // namespace recstream::transport
