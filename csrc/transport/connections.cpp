#include "transport/connections.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <system_error>
#include <utility>

namespace recstream::transport {
namespace {

/// As gRPC sets it for connections that it accepts itself: how long sent bytes may stay unacknowledged.
constexpr int kUserTimeoutMs = 20'000;
constexpr std::chrono::milliseconds kPause{50};

int make_event() {
  const int fd = eventfd(0, EFD_CLOEXEC);
  if (fd < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
  return fd;
}

void set_tcp_option(int fd, int option, int value) { setsockopt(fd, IPPROTO_TCP, option, &value, sizeof value); }

/// 0 for what is not open.
unsigned long inode_of(int fd) {
  struct stat status{};
  return fstat(fd, &status) == 0 ? status.st_ino : 0;
}

int port_of(const sockaddr_storage& address) {
  const auto port = address.ss_family == AF_INET6 ? reinterpret_cast<const sockaddr_in6&>(address).sin6_port
                                                  : reinterpret_cast<const sockaddr_in&>(address).sin_port;
  return ntohs(port);
}

}  // namespace

Connections::Connections(int listening, std::size_t limit, std::unique_ptr<Acceptor> acceptor, Corks& corks)
    : listening_(listening),
      limit_(limit),
      acceptor_(std::move(acceptor)),
      corks_(corks),
      stop_(make_event()),
      thread_([this] { run(); }) {}

Connections::~Connections() {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = write(stop_, &one, sizeof one);
  thread_.join();
  close(stop_);
  close(listening_);
}

void Connections::run() {
  std::array<pollfd, 2> watched = {{{listening_, POLLIN, 0}, {stop_, POLLIN, 0}}};
  while (true) {
    if (poll(watched.data(), watched.size(), -1) < 0) continue;
    if (watched[1].revents != 0) return;
    if (watched[0].revents != 0) accept_one();
  }
}

void Connections::accept_one() {
  sockaddr_storage peer{};
  socklen_t size = sizeof peer;
  const int fd = accept4(listening_, reinterpret_cast<sockaddr*>(&peer), &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd < 0) {
    // Without a free descriptor, or memory, the connection keeps waiting.
    if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) std::this_thread::sleep_for(kPause);
    return;
  }
  if (!has_room()) {
    close(fd);
    return;
  }
  set_tcp_option(fd, TCP_NODELAY, 1);
  set_tcp_option(fd, TCP_USER_TIMEOUT, kUserTimeoutMs);
  corks_.connected(port_of(peer), fd);
  accepted_.push_back({.fd = fd, .inode = inode_of(fd)});
  Acceptor::NewConnectionParameters parameters;
  parameters.listener_fd = listening_;
  parameters.fd = fd;
  acceptor_->HandleNewConnection(&parameters);
}

bool Connections::has_room() {
  if (accepted_.size() < limit_) return true;
  // gRPC does not tell when it closes one, so look: that is needed at the limit only.
  std::erase_if(accepted_, [](const Accepted& one) { return inode_of(one.fd) != one.inode; });
  return accepted_.size() < limit_;
}

}  // namespace recstream::transport
