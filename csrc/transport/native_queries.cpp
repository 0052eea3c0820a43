#include "transport/native_queries.h"

#include <exception>

#include "transport/wire_reader.h"
#include "transport/wire_writer.h"

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

}  // namespace

ForwardReason NativeQueries::answer(Rpc rpc, std::string_view request, std::string& response) const noexcept {
  return guarded([&] {
    switch (rpc) {
      case Rpc::kRecommendItems:
        return recommend(request, response);
      case Rpc::kRankItems:
        return rank(request, response);
      case Rpc::kFindSimilarItems:
        return similar(request, response);
      default:
        return ForwardReason::kRpc;
    }
  });
}

ForwardReason NativeQueries::answer_message(std::string_view request, std::string& response) const noexcept {
  WireReader reader(request);
  std::uint64_t sequence = 0;
  std::string_view query;
  int queries = 0;
  while (reader.next()) {
    switch (reader.tag()) {
      case wire_tag(1, WireType::kVarint):
        sequence = reader.varint();
        break;
      case wire_tag(2, WireType::kBytes):
        query = reader.bytes(), ++queries;
        break;
      default:
        reader.fail();
    }
  }
  if (reader.failed() || queries != 1) return ForwardReason::kIrregular;
  return guarded([&] {
    std::string recommendation;
    if (const auto irregular = recommend(query, recommendation); irregular != ForwardReason::kNone) return irregular;
    append_number(response, 1, sequence);
    append_bytes(response, 2, recommendation);
    return ForwardReason::kNone;
  });
}

ForwardReason NativeQueries::recommend(std::string_view request, std::string& response) const {
  RecommendMessage message;
  Answer answer;
  auto reason = read_recommend(request, limits_, message);
  if (reason == ForwardReason::kNone) reason = ask(message, answer);
  if (reason == ForwardReason::kNone) {
    append_recommended(response, answer, *model_.engine->model().item_ids, model_.labels);
  }
  return reason;
}

ForwardReason NativeQueries::rank(std::string_view request, std::string& response) const {
  RecommendMessage message;
  Answer answer;
  auto reason = read_rank(request, limits_, message);
  if (reason == ForwardReason::kNone) reason = ask(message, answer);
  if (reason == ForwardReason::kNone) {
    append_ranked(response, answer, *model_.engine->model().item_ids, model_.labels);
  }
  return reason;
}

ForwardReason NativeQueries::similar(std::string_view request, std::string& response) const {
  SimilarMessage message;
  if (const auto reason = read_similar(request, limits_, message); reason != ForwardReason::kNone) return reason;
  const auto& ids = *model_.engine->model().item_ids;
  const auto row = ids.find(message.item_id);
  if (row < 0) return ForwardReason::kIrregular;
  const auto allowed = compile(message.filter);
  append_similar(response, model_.engine->similar(row, message.k, allowed.get()), ids, model_.labels);
  return ForwardReason::kNone;
}

/// Null for all items. Throws what makes the query irregular: an attribute that the model lacks, or another kind of it.
SharedFilter NativeQueries::compile(const AttributeFilter& filter) const {
  const bool has_conditions = !filter.all_of.empty() || !filter.any_of.empty() || !filter.none_of.empty();
  return has_conditions ? model_.attributes->compile(filter) : nullptr;
}

ForwardReason NativeQueries::ask(const RecommendMessage& message, Answer& answer) const {
  if (!model_.is_exact) return ForwardReason::kApproximate;
  if (message.min_state_version > model_.engine->state_version()) return ForwardReason::kIrregular;
  const auto allowed = compile(message.filter);
  RecommendRequest request{
      .subject = {.user_id = message.user_id, .session_id = message.session_id, .recent_events = {}},
      .k = message.k,
      .candidate_ids = {},
      .candidate_rows = {},
      .exclude = message.exclude,
      .exclude_seen = message.exclude_seen,
      .filter = allowed.get()};
  if (!message.candidates.empty()) request.candidate_ids = message.candidates;
  answer = model_.engine->recommend(request);
  return ForwardReason::kNone;
}

}  // namespace recstream::transport
