#include "transport/corks.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <charconv>
#include <utility>

namespace recstream::transport {
namespace {

// Where TCP has no such option nothing is held back, which is slower and not wrong.
void hold_back(int socket, int on) {
#ifdef TCP_CORK
  setsockopt(socket, IPPROTO_TCP, TCP_CORK, &on, sizeof on);
#endif
}

}  // namespace

int Corks::socket_of(std::string_view peer) const {
  const auto digits = peer.substr(peer.rfind(':') + 1);
  std::size_t port = 0;
  const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (parsed.ec != std::errc{} || port >= kPorts) return -1;
  const int socket = sockets_[port];
  return socket > 0 ? socket : -1;
}

Corked::Corked(std::vector<int> sockets) : sockets_(std::move(sockets)) {
  for (const int socket : sockets_) hold_back(socket, 1);
}

Corked::~Corked() {
  for (const int socket : sockets_) hold_back(socket, 0);
}

}  // namespace recstream::transport
