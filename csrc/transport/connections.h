#pragma once

#include <grpcpp/server_builder.h>

#include <cstddef>
#include <memory>
#include <thread>
#include <vector>

#include "transport/corks.h"

namespace recstream::transport {

/// Accepts connections for a gRPC server, and closes those over a limit at once, for which gRPC for C++ has no option.
class Connections {
 public:
  using Acceptor = grpc::experimental::ExternalConnectionAcceptor;

  /// Takes over a listening TCP socket; the server behind `acceptor` must have been started. Throws std::system_error.
  /// The corks are told of every connection, and must outlive this.
  Connections(int listening, std::size_t limit, std::unique_ptr<Acceptor> acceptor, Corks& corks);
  /// Stops listening; connections stay open.
  ~Connections();
  Connections(const Connections&) = delete;
  Connections& operator=(const Connections&) = delete;

 private:
  /// A connection that was accepted. Its number may since have been given to another file.
  struct Accepted {
    int fd;
    unsigned long inode;
  };

  void run();
  void accept_one();
  bool has_room();

  const int listening_;
  const std::size_t limit_;
  const std::unique_ptr<Acceptor> acceptor_;
  Corks& corks_;
  /// Becomes readable when the thread is to end.
  const int stop_;
  std::vector<Accepted> accepted_;
  std::thread thread_;
};

}  // namespace recstream::transport
