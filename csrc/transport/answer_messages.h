#pragma once

#include <string>

#include "recstream/engine.h"
#include "transport/item_attributes.h"

namespace recstream::transport {

/// What the answers of one model say of it.
struct ModelLabels {
  /// A serialized ModelVersion.
  std::string version;
  /// What attribution tokens begin with; the digits of the state version follow.
  std::string token_head;
};

/// What of the items an answer carries.
struct ItemFields {
  const IdTable* ids = nullptr;
  /// Null where they were not asked for.
  const ItemAttributes* attributes = nullptr;
};

/// These append what `recstream_server.packing.AnswerPacker` makes of an answer, byte for byte, but that attributes
/// come by name, where protobuf writes a map in any order. Every row of the answer is one of `items`.
void append_recommended(std::string& out, const Answer& answer, const ItemFields& items, const ModelLabels& model);
void append_ranked(std::string& out, const Answer& answer, const ItemFields& items, const ModelLabels& model);
void append_similar(std::string& out, const Answer& answer, const ItemFields& items, const ModelLabels& model);

}  // namespace recstream::transport
