#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "header_table.h"

namespace serving {

/// Hears what comes back on a connection.
class Listener {
 public:
  virtual ~Listener() = default;
  virtual void on_message(int connection, std::uint32_t stream, std::string_view message) = 0;
  /// `problem` is empty for a call that ended with status 0.
  virtual void on_end(int connection, std::uint32_t stream, const std::string& problem) = 0;
};

/// One HTTP/2 connection in plain text (RFC 9113) that carries gRPC calls; single-threaded, never blocks but to
/// connect.
///
/// Knows flow control, pings and the server's limit of streams, beyond which calls wait. No priorities, no pushes, no
/// messages larger than one frame. The headers of the first path are in the table after the first call, as those of
/// gRPC's own clients are.
class Connection {
 public:
  Connection(int number, const std::string& host, int port, Listener& listener);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  int descriptor() const { return descriptor_; }
  /// Begins a call with its first message, framed; `only` says that no other follows. Gives its stream.
  std::uint32_t start(const std::string& path, const std::string& message, bool only);
  void send(std::uint32_t stream, const std::string& message);
  /// Writes what is queued, as far as the socket takes it.
  void flush();
  bool unsent() const { return sent_ < out_.size(); }
  /// Takes all that has arrived; false when the connection is gone.
  bool receive();

 private:
  struct Stream {
    std::int64_t window = 0;
    std::deque<std::pair<std::string, bool>> outbox;
    std::string partial;
    std::uint64_t received = 0;
  };
  struct Opening {
    std::uint32_t stream;
    std::string path, message;
    bool only;
  };

  void open(const Opening& call);
  void open_waiting();
  void append_headers(const std::string& path);
  void frame(std::uint8_t kind, std::uint8_t flags, std::uint32_t stream, std::string_view payload);
  void flush_stream(std::uint32_t id, Stream& stream);
  void on_frame(std::uint8_t kind, std::uint8_t flags, std::uint32_t stream, std::string_view payload);
  void on_data(std::uint8_t flags, std::uint32_t id, std::string_view payload);
  void on_headers(std::uint8_t flags, std::uint32_t id, std::string_view payload);
  void on_settings(std::string_view payload);
  void on_window(std::uint32_t id, std::int64_t grant);
  void grant(std::uint32_t id, std::uint64_t& received, std::size_t size);
  void end(std::uint32_t id, const std::string& problem);

  const int number_;
  const std::string authority_;
  Listener& listener_;
  int descriptor_ = -1;
  std::uint32_t next_stream_ = 1;
  std::int64_t window_ = 65535, stream_window_ = 65535;
  std::uint64_t received_ = 0;
  std::size_t most_streams_ = 1 << 30;
  std::string known_path_;
  HeaderTable headers_;
  std::unordered_map<std::uint32_t, Stream> streams_;
  std::deque<Opening> waiting_;
  std::vector<std::uint32_t> blocked_;
  std::string in_, out_;
  std::size_t sent_ = 0;
};

}  // namespace serving
