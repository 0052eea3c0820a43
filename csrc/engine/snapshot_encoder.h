#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "engine/engine_state.h"
#include "engine/state_copies.h"

namespace recstream {

/// Makes the snapshot of a state (snapshot.h) in steps, between which events may be folded; its bytes are those of the
/// moment of the last step.
class SnapshotEncoder {
 public:
  /// Borrows the state.
  explicit SnapshotEncoder(const EngineState& state);

  /// Copies some states; true when those were the last. Call as the state's only writer. Takes a fraction of a
  /// millisecond; only where events come faster than they are copied do steps grow until they catch up.
  bool step();

  /// The snapshot, once `step` has returned true; a writer may go on meanwhile. O(state).
  std::string encode() &&;

 private:
  const EngineState& state_;
  StateCopies users_;
  StateCopies sessions_;
  std::size_t step_bytes_;
  std::int64_t version_ = 0;
};

}  // namespace recstream
