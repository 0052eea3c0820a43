#pragma once

#include <cstddef>
#include <string_view>

#include "engine/engine_state.h"

namespace recstream {

/// A state as bytes, independent of the model. All numbers are little-endian; `text` is uint32 length and UTF-8.
///
///     8 bytes  "RSSTATE3"
///     int64    state_version
///     uint32   items       then for each: text id
///     uint64   users       then for each, by rising version:
///                text id, int64 version,
///                uint32 interactions, then for each, oldest first: uint32 item (place in the list above), float64
///                weight, int64 time, int64 version,
///                uint32 seen, then for each: uint32 item
///     uint64   sessions    as users
///
/// Equal states have equal bytes. No checksum: whoever stores a snapshot also guards it. SnapshotEncoder makes one.
inline constexpr std::string_view kSnapshotMagic = "RSSTATE3";

/// Fills an empty state, keeping the `max_history` latest interactions and the sessions that fit. Throws
/// std::invalid_argument for bytes that encode_snapshot cannot have made; never takes more memory than a small multiple
/// of their number.
void decode_snapshot(std::string_view bytes, EngineState& state, std::size_t max_history);

}  // namespace recstream
