#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "engine/user_store.h"

namespace recstream {

/// Copies of the states of a store, made in steps between which the store may change: in the end, of the states as they
/// are at the last step.
///
/// A step goes on behind the latest event that was copied. Whoever changed in between has a later one, so comes up
/// again, and the copy made earlier no longer counts. States leave a store oldest first (`UserStore::make_room`): what
/// is older than the oldest one left at the last step is of a state that is gone.
class StateCopies {
 public:
  /// Borrows the store. `version` is that of the last event so far.
  StateCopies(const UserStore& store, std::int64_t version) : store_(store), begun_at_(version) {}

  /// Copies until `bytes` are used up, and takes off what it used; true when nothing is left to copy. Call as the only
  /// writer.
  bool step(std::size_t& bytes);

  /// Whether all that was there at the beginning has been copied.
  bool caught_up() const { return reached_ >= begun_at_; }

  /// Puts a number for each item in each copy that counts, oldest state first, and drops the others; those seen in the
  /// order of `less`. Call once, after the last step.
  void settle(const std::function<std::uint32_t(ItemKey)>& number, const std::function<bool(ItemKey, ItemKey)>& less);

  /// After `settle`.
  std::uint64_t count() const { return count_; }
  std::size_t bytes() const { return bytes_; }

  /// Appends the copies in the form of snapshot.h, and lets go of them.
  void move_to(std::string& out);

 private:
  struct Copy {
    const void* owner;
    std::int64_t version;
    /// Of its part's bytes: of the interactions, and of the end.
    std::size_t items, end;
  };
  /// What one step copied.
  struct Part {
    std::string bytes;
    std::vector<Copy> copies;
  };

  bool counts(const Copy& copy) const;

  const UserStore& store_;
  const std::int64_t begun_at_;
  std::int64_t reached_ = 0;
  std::deque<Part> parts_;
  /// Of those that changed since the beginning, the version copied last.
  std::unordered_map<const void*, std::int64_t> latest_;
  std::int64_t oldest_ = 0;
  std::uint64_t count_ = 0;
  std::size_t bytes_ = 0;
};

}  // namespace recstream
