#include "transport/upstream_stream.h"

#include "transport/metadata.h"

namespace recstream::transport {

UpstreamStream::UpstreamStream(grpc::GenericStub& stub, const std::string& path, grpc::CallbackServerContext& received,
                               UpstreamListener& listener)
    : received_(received), listener_(listener) {
  copy_request_metadata(received, context_);
  stub.PrepareBidiStreamingCall(&context_, path, {}, this);
  AddHold();
  StartCall();
}

void UpstreamStream::write(const grpc::ByteBuffer& message) {
  const std::scoped_lock lock(mutex_);
  if (held_) StartWrite(&message);
}

void UpstreamStream::half_close() {
  const std::scoped_lock lock(mutex_);
  if (held_) StartWritesDone();
}

void UpstreamStream::read(grpc::ByteBuffer& message) {
  const std::scoped_lock lock(mutex_);
  if (!held_) return;
  if (begun_) return StartRead(&message);
  waiting_ = &message;
}

void UpstreamStream::cancel() { context_.TryCancel(); }

void UpstreamStream::abandon() {
  cancel();
  let_go();
}

void UpstreamStream::OnReadInitialMetadataDone(bool ok) {
  if (ok) copy_initial_metadata(context_, received_);
  const std::scoped_lock lock(mutex_);
  begun_ = true;
  if (held_ && waiting_ != nullptr) StartRead(waiting_);
}

void UpstreamStream::OnReadDone(bool ok) {
  if (ok) return listener_.on_upstream_message();
  let_go();
}

void UpstreamStream::OnWriteDone(bool ok) {
  if (ok) listener_.on_upstream_written();
}

void UpstreamStream::OnDone(const grpc::Status& status) {
  copy_trailing_metadata(context_, received_);
  listener_.on_upstream_ended(status);
}

void UpstreamStream::let_go() {
  {
    const std::scoped_lock lock(mutex_);
    if (!held_) return;
    held_ = false;
  }
  RemoveHold();
}

}  // namespace recstream::transport
