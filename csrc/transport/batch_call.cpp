#include "transport/batch_call.h"

#include <grpcpp/client_context.h>

#include <algorithm>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "transport/call_admission.h"
#include "transport/message_bytes.h"
#include "transport/metadata.h"
#include "transport/unary_call.h"
#include "transport/wire_reader.h"
#include "transport/wire_writer.h"

namespace recstream::transport {
namespace {

using Queries = std::vector<NativeQuery>;
using Started = CallCounts::Clock::time_point;

/// As many as share a pass of the core over the items. Their answers are in memory at once, and between two such parts
/// the call may be given up.
constexpr std::size_t kTogether = 64;

/// Kept free for every answer to come, as in recstream_server/services/batch.py: what one that does not fit takes up.
constexpr std::int64_t kErrorBytes = 384;

/// Reads a BatchRecommendItemsRequest; the reason is that of the first query with one.
ForwardReason read_batch(const FrontState& front, std::string_view bytes, Queries& queries) {
  const auto limit = static_cast<std::size_t>(front.events->rules().batch_requests);
  WireReader reader(bytes);
  while (reader.next()) {
    if (reader.tag() != wire_tag(1, WireType::kBytes) || queries.size() == limit) return ForwardReason::kIrregular;
    queries.push_back(front.queries.read(Rpc::kRecommendItems, reader.bytes()));
    if (queries.back().reason != ForwardReason::kNone) return queries.back().reason;
  }
  return reader.failed() || queries.empty() ? ForwardReason::kIrregular : ForwardReason::kNone;
}

class BatchCall final : public grpc::ServerUnaryReactor {
 public:
  BatchCall(FrontState& front, grpc::CallbackServerContext& context, const grpc::ByteBuffer& request,
            grpc::ByteBuffer& response, Started started)
      : front_(front), context_(context), request_(request), response_(response), started_(started) {}

  /// Answers on this thread.
  void answer_or_forward() {
    const MessageBytes bytes(request_);
    Queries queries;
    auto reason = read_batch(front_, bytes.view(), queries);
    room_ = front_.message_bytes - kErrorBytes * static_cast<std::int64_t>(queries.size());
    const std::span<NativeQuery> all(queries);
    for (std::size_t done = 0; reason == ForwardReason::kNone && done < all.size(); done += kTogether) {
      if (context_.IsCancelled()) return end(is_expired(context_) ? front_.refusals.expired : grpc::Status::CANCELLED);
      reason = answer(all.subspan(done, std::min(kTogether, all.size() - done)));
    }
    if (reason != ForwardReason::kNone) return forward(reason);
    for (std::size_t i = 0; i < queries.size(); ++i) front_.counts.message(kRpc, grpc::StatusCode::OK);
    response_ = to_message(answers_);
    end(grpc::Status::OK);
  }

  void OnCancel() override { upstream_.TryCancel(); }

  void OnDone() override {
    leave_call(front_, kRpc);
    delete this;
  }

 private:
  static constexpr auto kRpc = Rpc::kBatchRecommendItems;

  ForwardReason answer(std::span<NativeQuery> queries) {
    front_.queries.answer(queries);
    std::string answer;
    for (auto& query : queries) {
      if (query.reason != ForwardReason::kNone) return query.reason;
      answer.clear();
      front_.queries.append(query, answer);
      query.answer = {};
      if (static_cast<std::int64_t>(answer.size()) > room_) return ForwardReason::kIrregular;
      add(answer);
    }
    return ForwardReason::kNone;
  }

  /// As BatchRecommendItemsResponse.Result.
  void add(const std::string& answer) {
    const auto size = 1 + varint_size(answer.size()) + answer.size();
    answers_.push_back(static_cast<char>(wire_tag(1, WireType::kBytes)));
    append_varint(answers_, size);
    append_bytes(answers_, 1, answer);
    room_ += kErrorBytes - static_cast<std::int64_t>(size);
  }

  void forward(ForwardReason reason) {
    front_.counts.forwarded(kRpc, reason);
    copy_request_metadata(context_, upstream_);
    front_.upstream.UnaryCall(&upstream_, kind_of(kRpc).path, {}, &request_, &response_, [this](grpc::Status status) {
      copy_initial_metadata(upstream_, context_);
      copy_trailing_metadata(upstream_, context_);
      Finish(std::move(status));
    });
  }

  void end(const grpc::Status& status) {
    front_.counts.call(kRpc, status.error_code(), started_);
    Finish(status);
  }

  FrontState& front_;
  grpc::CallbackServerContext& context_;
  const grpc::ByteBuffer& request_;
  grpc::ByteBuffer& response_;
  const Started started_;
  /// The results so far, and the bytes that the next answer may have.
  std::string answers_;
  std::int64_t room_ = 0;
  grpc::ClientContext upstream_;
};

}  // namespace

grpc::ServerUnaryReactor* serve_batch(FrontState& front, Rpc rpc, grpc::CallbackServerContext& context,
                                      const grpc::ByteBuffer& request, grpc::ByteBuffer& response) {
  if (!request.Valid()) return refuse_without_request(context);
  const auto started = CallCounts::Clock::now();
  if (const auto* refusal = refuse_call(front, rpc, context)) return refuse_unary(context, *refusal);
  auto* call = new BatchCall(front, context, request, response, started);
  front.batch_workers.run([call] { call->answer_or_forward(); });
  return call;
}

}  // namespace recstream::transport
