#pragma once

#include <string>
#include <string_view>

#include "recstream/engine.h"

namespace recstream::transport {

/// These append what `recstream_server.packing.AnswerPacker` makes of an answer, byte for byte. `model` is a serialized
/// ModelVersion; every row of the answer is one of `ids`.
void append_recommended(std::string& out, const Answer& answer, const IdTable& ids, std::string_view model);
void append_ranked(std::string& out, const Answer& answer, const IdTable& ids, std::string_view model);
void append_similar(std::string& out, const Answer& answer, const IdTable& ids, std::string_view model);

/// A serialized ModelVersion.
std::string model_version(std::string_view name, std::string_view version);

}  // namespace recstream::transport
