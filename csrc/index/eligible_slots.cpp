#include "index/eligible_slots.h"

#include <algorithm>
#include <bit>

#include "bitmap.h"

namespace recstream {
namespace {

constexpr std::size_t kGroup = kernels::kGroupRows;
// Queries from which on it costs less to look up all rows of a group at once than those that match, for each query.
constexpr std::ptrdiff_t kManyQueries = 4;

const std::uint64_t* bitmap_of(const PreparedQuery& query) { return query.allow ? query.allow->data() : nullptr; }

}  // namespace

EligibleSlots::EligibleSlots(const CodedPart& part, const kernels::Table& kernels,
                             std::span<const PreparedQuery> queries, std::span<const std::size_t> wanted)
    : part_(part), kernels_(kernels), sets_(1) {
  sets_.front().slots.fill(~std::uint64_t{0});
  checks_.reserve(wanted.size());
  for (const auto q : wanted) {
    const auto* allow = bitmap_of(queries[q]);
    const auto alike = std::ranges::count(wanted, allow, [&](std::size_t other) { return bitmap_of(queries[other]); });
    const bool has_bitmap = allow != nullptr || part.stale > 0;
    const auto set = has_bitmap && alike >= kManyQueries ? set_of(allow) : 0;
    const bool looks_up = (has_bitmap && set == 0) || !queries[q].exclude.empty();
    checks_.push_back({.query = &queries[q], .set = set, .looks_up = looks_up});
    reads_rows_ = reads_rows_ || has_bitmap || looks_up;
  }
}

std::size_t EligibleSlots::set_of(const std::uint64_t* allow) {
  auto known = std::find_if(sets_.begin() + 1, sets_.end(), [&](const Set& set) { return set.allow == allow; });
  if (known == sets_.end()) {
    known = sets_.insert(known, {.allow = allow, .current_only = part_.stale > 0, .slots = {}});
  }
  return static_cast<std::size_t>(known - sets_.begin());
}

void EligibleSlots::begin_run(std::int64_t first_group, int groups) {
  first_group_ = first_group;
  const auto last = groups - 1;
  // The very last group may have fewer slots.
  if (const auto size = rows_of(last).size(); size < kGroup) {
    sets_.front().slots[static_cast<std::size_t>(last)] = (std::uint64_t{1} << size) - 1;
  }
  for (auto& set : std::span(sets_).subspan(1)) {
    for (int g = 0; g < groups; ++g) set.slots[static_cast<std::size_t>(g)] = slots_in(set, g);
  }
}

// The processor does not guess them: a group has four lines of row numbers, and reading them is not always needed.
void EligibleSlots::prefetch_rows(std::int64_t first_group, std::int64_t groups) const {
  constexpr std::size_t kLineRows = 64 / sizeof(std::uint32_t);
  if (!reads_rows_) return;
  const auto& rows = part_.rows->rows;
  const auto first = static_cast<std::size_t>(first_group) * kGroup;
  const auto end = std::min(first + static_cast<std::size_t>(groups) * kGroup, rows.size());
  for (auto slot = first; slot < end; slot += kLineRows) __builtin_prefetch(rows.data() + slot);
}

std::uint64_t EligibleSlots::slots_in(const Set& set, int g) const {
  const auto rows = rows_of(g);
  auto slots = ~std::uint64_t{0};
  const auto keep = [&](const std::uint64_t* bitmap) {
    slots &= kernels_.bits_at(bitmap, rows.data(), static_cast<int>(rows.size()));
  };
  if (set.allow != nullptr) keep(set.allow);
  if (set.current_only) keep(part_.current.data());
  return slots;
}

void EligibleSlots::prefetch(std::size_t w, int g, std::uint64_t matched) const {
  const auto* allow = bitmap_of(*checks_[w].query);
  if (allow == nullptr) return;
  for (; matched != 0; matched &= matched - 1) {
    const auto row = rows_of(g)[static_cast<std::size_t>(std::countr_zero(matched))];
    __builtin_prefetch(allow + word_of(row));
  }
}

std::uint64_t EligibleSlots::passing(const Check& check, int g, std::uint64_t matched) const {
  std::uint64_t eligible = 0;
  for (; matched != 0; matched &= matched - 1) {
    const auto slot = std::countr_zero(matched);
    const auto row = std::int64_t{rows_of(g)[static_cast<std::size_t>(slot)]};
    const bool passes = (part_.stale == 0 || has_bit(part_.current, row)) && check.query->allows(row);
    eligible |= std::uint64_t{passes} << slot;
  }
  return eligible;
}

std::span<const std::uint32_t> EligibleSlots::rows_of(int g) const {
  const auto first = static_cast<std::size_t>(first_group_ + g) * kGroup;
  const std::span<const std::uint32_t> rows = part_.rows->rows;
  return rows.subspan(first, std::min(kGroup, rows.size() - first));
}

}  // namespace recstream
