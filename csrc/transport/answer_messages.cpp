#include "transport/answer_messages.h"

#include <bit>
#include <cstdint>

#include "transport/wire_writer.h"

namespace recstream::transport {
namespace {

constexpr int kFixed32 = 5;
constexpr char kScoreTag = 2 << 3 | kFixed32;
constexpr std::size_t kScoreBytes = 5;

/// Zero is left out, -0 is not.
void append_score(std::string& out, float score) {
  const auto bits = std::bit_cast<std::uint32_t>(score);
  if (bits == 0) return;
  out.push_back(kScoreTag);
  append_fixed(out, bits);
}

void append_recommendations(std::string& out, const Answer& answer, const ItemFields& items) {
  for (std::size_t i = 0; i < answer.rows.size(); ++i) {
    const auto id = items.ids->id(answer.rows[i]);
    const auto attributes = items.attributes == nullptr ? std::string_view{} : items.attributes->of(answer.rows[i]);
    const bool scored = std::bit_cast<std::uint32_t>(answer.scores[i]) != 0;
    out.push_back(static_cast<char>(wire_tag(1, WireType::kBytes)));
    append_varint(out, 1 + varint_size(id.size()) + id.size() + (scored ? kScoreBytes : 0) + attributes.size());
    append_bytes(out, 1, id);
    append_score(out, answer.scores[i]);
    out.append(attributes);
  }
}

void append_missing(std::string& out, int field, const Answer& answer) {
  for (const auto id : answer.missing) append_bytes(out, field, id);
}

void append_token(std::string& out, int field, const Answer& answer, const ModelLabels& model) {
  append_bytes(out, field, model.token_head + std::to_string(answer.state_version));
}

}  // namespace

void append_recommended(std::string& out, const Answer& answer, const ItemFields& items, const ModelLabels& model) {
  append_recommendations(out, answer, items);
  append_bytes(out, 2, model.version);
  append_number(out, 3, static_cast<std::uint64_t>(answer.state_version));
  append_number(out, 4, static_cast<std::uint64_t>(answer.fallback));
  append_missing(out, 6, answer);
  append_token(out, 7, answer, model);
}

void append_ranked(std::string& out, const Answer& answer, const ItemFields& items, const ModelLabels& model) {
  append_recommendations(out, answer, items);
  append_missing(out, 2, answer);
  append_bytes(out, 3, model.version);
  append_number(out, 4, static_cast<std::uint64_t>(answer.state_version));
  append_number(out, 5, static_cast<std::uint64_t>(answer.fallback));
  append_token(out, 6, answer, model);
}

void append_similar(std::string& out, const Answer& answer, const ItemFields& items, const ModelLabels& model) {
  append_recommendations(out, answer, items);
  append_bytes(out, 2, model.version);
}

}  // namespace recstream::transport
