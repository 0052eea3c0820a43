#include "transport/native_queries.h"

#include <exception>
#include <utility>
#include <vector>

namespace recstream::transport {
namespace {

/// Nothing is lost by an exception: the Python server meets the same one, and knows what to say.
template <class Work>
ForwardReason guarded(const Work& work) noexcept {
  try {
    return work();
  } catch (const NotEncoded&) {
    return ForwardReason::kEncoder;
  } catch (...) {
    return ForwardReason::kIrregular;
  }
}

/// Views the query.
RecommendRequest to_request(const NativeQuery& query) {
  const auto& message = query.recommend;
  RecommendRequest request{
      .subject = {.user_id = message.user_id, .session_id = message.session_id, .recent_events = message.recent_events},
      .k = message.k,
      .candidate_ids = {},
      .candidate_rows = {},
      .exclude = message.exclude,
      .exclude_seen = message.exclude_seen,
      .filter = query.filter.get()};
  if (!message.candidates.empty()) request.candidate_ids = message.candidates;
  return request;
}

}  // namespace

NativeQuery NativeQueries::read(Rpc rpc, std::string_view request) const noexcept {
  NativeQuery query{.rpc = rpc, .similar = {}, .recommend = {}, .filter = {}, .answer = {}};
  query.reason = guarded([&] {
    if (!read_into(query, request)) return ForwardReason::kIrregular;
    query.filter = compile(rpc == Rpc::kFindSimilarItems ? query.similar.filter : query.recommend.filter);
    return ForwardReason::kNone;
  });
  return query;
}

void NativeQueries::answer(std::span<NativeQuery> queries) const noexcept {
  std::vector<NativeQuery*> asked;
  const auto reason = guarded([&] {
    for (auto& query : queries) {
      if (query.reason != ForwardReason::kNone) continue;
      if (query.rpc == Rpc::kFindSimilarItems) {
        query.reason = guarded([&] { return find_similar(query); });
      } else if (query.reason = objection(query); query.reason == ForwardReason::kNone) {
        asked.push_back(&query);
      }
    }
    recommend(asked);
    return ForwardReason::kNone;
  });
  if (reason == ForwardReason::kNone) return;
  for (auto* query : asked) query->reason = reason;
}

void NativeQueries::append(const NativeQuery& query, std::string& response) const {
  const bool with_attributes = query.recommend.include_attributes || query.similar.include_attributes;
  const ItemFields items{.ids = model_.engine->model().item_ids,
                         .attributes = with_attributes ? model_.item_attributes : nullptr};
  switch (query.rpc) {
    case Rpc::kRankItems:
      return append_ranked(response, query.answer, items, model_.labels);
    case Rpc::kFindSimilarItems:
      return append_similar(response, query.answer, items, model_.labels);
    default:
      return append_recommended(response, query.answer, items, model_.labels);
  }
}

bool NativeQueries::read_into(NativeQuery& query, std::string_view request) const {
  switch (query.rpc) {
    case Rpc::kRecommendItems:
      return read_recommend(request, limits_, query.recommend);
    case Rpc::kRankItems:
      return read_rank(request, limits_, query.recommend);
    case Rpc::kFindSimilarItems:
      return read_similar(request, limits_, query.similar);
    default:
      return false;
  }
}

/// Throws for what the Python server refuses: an attribute that the model lacks, or another kind of it than is asked
/// for.
SharedFilter NativeQueries::compile(const AttributeFilter& filter) const {
  const bool has_conditions = !filter.all_of.empty() || !filter.any_of.empty() || !filter.none_of.empty();
  return has_conditions ? model_.attribute_table->compile(filter) : nullptr;
}

ForwardReason NativeQueries::objection(const NativeQuery& query) const {
  if (!model_.is_exact) return ForwardReason::kApproximate;
  const auto least = query.recommend.min_state_version;
  return least > 0 && least > model_.engine->state_version() ? ForwardReason::kIrregular : ForwardReason::kNone;
}

void NativeQueries::recommend(std::span<NativeQuery* const> queries) const {
  std::vector<RecommendRequest> requests;
  requests.reserve(queries.size());
  for (const auto* query : queries) requests.push_back(to_request(*query));
  auto outcomes = model_.engine->recommend_many(requests);
  for (std::size_t i = 0; i < queries.size(); ++i) {
    queries[i]->reason = guarded([&] {
      if (outcomes[i].failure) std::rethrow_exception(outcomes[i].failure);
      queries[i]->answer = std::move(outcomes[i].answer);
      return ForwardReason::kNone;
    });
  }
}

ForwardReason NativeQueries::find_similar(NativeQuery& query) const {
  const auto row = model_.engine->model().item_ids->find(query.similar.item_id);
  if (row < 0) return ForwardReason::kIrregular;
  query.answer = model_.engine->similar(row, query.similar.k, query.filter.get());
  return ForwardReason::kNone;
}

}  // namespace recstream::transport
