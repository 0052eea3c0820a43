#pragma once

#include <cstdint>
#include <span>
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
  /// Both over the items of the engine: for filters, and for answers.
  const AttributeTable* attribute_table = nullptr;
  const ItemAttributes* item_attributes = nullptr;
  ModelLabels labels;
  /// Whether the engine searches by itself, without an approximate index.
  bool is_exact = true;
};

/// A query on its way through `NativeQueries`. Views the request that it was read from.
struct NativeQuery {
  Rpc rpc = Rpc::kRecommendItems;
  /// Why the Python server has to answer it; kNone as long as nothing speaks against an answer from here.
  ForwardReason reason = ForwardReason::kNone;
  /// What FindSimilarItems asks for, or what the others do.
  SimilarMessage similar;
  RecommendMessage recommend;
  /// The items that may be in the answer; null for all.
  SharedFilter filter;
  Answer answer;

  /// Whether its answer may take a pass over all items, which it can share with others.
  bool scans() const { return rpc == Rpc::kRecommendItems && recommend.candidates.empty(); }
};

/// Answers queries as the Python server would, byte for byte, or says why that server has to. A query is read, answered
/// together with others, and written. Safe to use from many threads. Knows nothing of gRPC.
class NativeQueries {
 public:
  /// The model must outlive this.
  NativeQueries(const ServedModel& model, const QueryLimits& limits) : model_(model), limits_(limits) {}

  /// Reads the serialized request of RecommendItems, which is also what streams and batches are made of, RankItems or
  /// FindSimilarItems.
  NativeQuery read(Rpc rpc, std::string_view request) const noexcept;

  /// Gives the queries whose reason is kNone their answers, or another reason. One does not depend on the others.
  void answer(std::span<NativeQuery> queries) const noexcept;

  /// Appends the serialized response to a query that was answered.
  void append(const NativeQuery& query, std::string& response) const;

 private:
  bool read_into(NativeQuery& query, std::string_view request) const;
  SharedFilter compile(const AttributeFilter& filter) const;
  /// What speaks against asking the engine now.
  ForwardReason objection(const NativeQuery& query) const;
  void recommend(std::span<NativeQuery* const> queries) const;
  ForwardReason find_similar(NativeQuery& query) const;

  const ServedModel model_;
  const QueryLimits limits_;
};

}  // namespace recstream::transport
