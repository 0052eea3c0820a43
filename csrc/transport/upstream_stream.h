#pragma once

#include <grpcpp/client_context.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/server_context.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/client_callback.h>
#include <grpcpp/support/status.h>

#include <mutex>
#include <string>

namespace recstream::transport {

/// Hears of what happens on an `UpstreamStream`; on gRPC's threads, one call of each kind at a time.
class UpstreamListener {
 public:
  /// The message given to `write` is no longer in use. Not called when the stream has ended instead.
  virtual void on_upstream_written() = 0;
  /// A message that was asked for with `read` has come.
  virtual void on_upstream_message() = 0;
  /// The last call: nothing is in use any more.
  virtual void on_upstream_ended(const grpc::Status& status) = 0;

 protected:
  ~UpstreamListener() = default;
};

/// The forwarded half of a call: a stream to the Python server, whatever kind of RPC it is. Functions may be called
/// from any thread; once the stream has ended they do nothing.
class UpstreamStream final : private grpc::ClientBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
 public:
  /// Begins the call. All that is given must outlive `on_upstream_ended`.
  UpstreamStream(grpc::GenericStub& stub, const std::string& path, grpc::CallbackServerContext& received,
                 UpstreamListener& listener);

  /// Sends a message; `on_upstream_written` must follow before the next one, or before `half_close`.
  void write(const grpc::ByteBuffer& message);
  void half_close();
  /// Asks for a message; `on_upstream_message` must follow before the next time.
  void read(grpc::ByteBuffer& message);
  void cancel();
  /// Says that the caller will not ask for another message, though the last one asked for came.
  void abandon();

 private:
  void OnReadInitialMetadataDone(bool ok) override;
  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnDone(const grpc::Status& status) override;
  void let_go();

  grpc::CallbackServerContext& received_;
  UpstreamListener& listener_;
  grpc::ClientContext context_;
  std::mutex mutex_;
  /// While held, gRPC does not end the stream between two operations.
  bool held_ = true;
  /// Reads wait for the initial metadata, which has to be passed on before a message.
  bool begun_ = false;
  grpc::ByteBuffer* waiting_ = nullptr;
};

}  // namespace recstream::transport
