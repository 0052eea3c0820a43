#pragma once

#include <atomic>
#include <cstddef>
#include <string_view>
#include <vector>

namespace recstream::transport {

/// Holds back what is sent on connections for a moment, so that many answers leave in one piece: gRPC makes a system
/// call of each answer, and without this a packet, and a wake-up of the client, as well. Safe to use from many threads.
class Corks {
 public:
  Corks() : sockets_(kPorts) {}

  /// Tells the socket of a connection by the port of its other end.
  void connected(int port, int socket) { sockets_[static_cast<std::size_t>(port)] = socket; }

  /// What `connected` told of a peer, as gRPC names it, or -1. The socket may have been closed since, and its number
  /// may stand for anything: `Corked` does no harm to it.
  int socket_of(std::string_view peer) const;

 private:
  static constexpr std::size_t kPorts = 65536;

  /// By port; -1 is never stored, 0 stands for none. Two clients with the same port hide each other.
  std::vector<std::atomic<int>> sockets_;
};

/// Sends on some sockets are held back as long as this lives, and go out when it ends.
class Corked {
 public:
  explicit Corked(std::vector<int> sockets);
  ~Corked();
  Corked(const Corked&) = delete;
  Corked& operator=(const Corked&) = delete;

 private:
  const std::vector<int> sockets_;
};

}  // namespace recstream::transport
