// The ceiling of gRPC C++: answers every request, unary or on a stream, with the same prepared bytes.
//
// echo UNARY_ANSWER STREAM_ANSWER, two files. The messages stay bytes, so that nothing is measured but the transport.

#include <grpcpp/grpcpp.h>
#include <grpcpp/impl/codegen/rpc_service_method.h>
#include <grpcpp/impl/codegen/server_callback_handlers.h>
#include <grpcpp/impl/codegen/service_type.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>

#include <cstdio>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <utility>

namespace {

using grpc::ByteBuffer;

ByteBuffer read_answer(const char* path) {
  std::ifstream file(path, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(file), {}};
  const grpc::Slice slice(bytes);
  return {&slice, 1};
}

class EchoStream : public grpc::ServerBidiReactor<ByteBuffer, ByteBuffer> {
 public:
  explicit EchoStream(const ByteBuffer& answer) : answer_(answer) { StartRead(&request_); }

  void OnReadDone(bool ok) override {
    if (!ok) {
      Finish(grpc::Status::OK);
      return;
    }
    StartWrite(&answer_);
  }
  void OnWriteDone(bool ok) override {
    if (ok) StartRead(&request_);
  }
  void OnDone() override { delete this; }

 private:
  ByteBuffer request_, answer_;
};

/// What generated code would register, for messages that are not parsed.
class EchoService : public grpc::Service {
 public:
  EchoService(ByteBuffer unary, ByteBuffer streamed) : unary_(std::move(unary)), streamed_(std::move(streamed)) {
    using grpc::internal::RpcMethod;
    AddMethod(new grpc::internal::RpcServiceMethod("/recstream.v1.RecommendationService/RecommendItems",
                                                   RpcMethod::NORMAL_RPC, nullptr));
    MarkMethodRawCallback(0, new grpc::internal::CallbackUnaryHandler<ByteBuffer, ByteBuffer>(
                                 [this](grpc::CallbackServerContext* context, const ByteBuffer*, ByteBuffer* answer) {
                                   *answer = unary_;
                                   grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
                                   reactor->Finish(grpc::Status::OK);
                                   return reactor;
                                 }));
    AddMethod(new grpc::internal::RpcServiceMethod("/recstream.v1.RecommendationService/StreamingRecommend",
                                                   RpcMethod::BIDI_STREAMING, nullptr));
    MarkMethodRawCallback(1, new grpc::internal::CallbackBidiHandler<ByteBuffer, ByteBuffer>(
                                 [this](grpc::CallbackServerContext*) { return new EchoStream(streamed_); }));
  }

 private:
  const ByteBuffer unary_, streamed_;
};

}  // namespace

int main(int count, char** arguments) {
  if (count != 3) return 2;
  EchoService service(read_answer(arguments[1]), read_answer(arguments[2]));
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.RegisterService(&service);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  std::printf("ready 127.0.0.1:%d\n", port);
  std::fflush(stdout);
  server->Wait();
}
