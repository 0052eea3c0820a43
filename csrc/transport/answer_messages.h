#pragma once

#include <string>

#include "recstream/engine.h"

namespace recstream::transport {

/// What the answers of one model say of it.
struct ModelLabels {
  /// A serialized ModelVersion.
  std::string version;
  /// What attribution tokens begin with; the digits of the state version follow.
  std::string token_head;
};

/// These append what `recstream_server.packing.AnswerPacker` makes of an answer, byte for byte. Every row of the answer
/// is one of `ids`.
void append_recommended(std::string& out, const Answer& answer, const IdTable& ids, const ModelLabels& model);
void append_ranked(std::string& out, const Answer& answer, const IdTable& ids, const ModelLabels& model);
void append_similar(std::string& out, const Answer& answer, const IdTable& ids, const ModelLabels& model);

}  // namespace recstream::transport
