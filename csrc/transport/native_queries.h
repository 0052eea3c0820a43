#pragma once

#include <string>
#include <string_view>

#include "recstream/attribute_table.h"
#include "recstream/engine.h"
#include "transport/answer_messages.h"
#include "transport/forward_reason.h"
#include "transport/query_messages.h"
#include "transport/rpc.h"

namespace recstream::transport {

/// A model, and what of it can be answered here.
struct ServedModel {
  const Engine* engine = nullptr;
  /// Over the items of the engine.
  const AttributeTable* attributes = nullptr;
  ModelLabels labels;
  /// Whether the engine searches by itself, without an approximate index.
  bool is_exact = true;
};

/// Answers queries as the Python server would, byte for byte, or says why that server has to. Safe to use from many
/// threads. Knows nothing of gRPC.
class NativeQueries {
 public:
  /// The model must outlive this.
  NativeQueries(const ServedModel& model, const QueryLimits& limits) : model_(model), limits_(limits) {}

  /// Appends the response to a serialized request of a unary RPC; changes nothing unless the result is kNone.
  ForwardReason answer(Rpc rpc, std::string_view request, std::string& response) const noexcept;

  /// The same for a serialized StreamingRecommendRequest.
  ForwardReason answer_message(std::string_view request, std::string& response) const noexcept;

 private:
  ForwardReason recommend(std::string_view request, std::string& response) const;
  ForwardReason rank(std::string_view request, std::string& response) const;
  ForwardReason similar(std::string_view request, std::string& response) const;
  SharedFilter compile(const AttributeFilter& filter) const;
  ForwardReason ask(const RecommendMessage& message, Answer& answer) const;

  const ServedModel model_;
  const QueryLimits limits_;
};

}  // namespace recstream::transport
