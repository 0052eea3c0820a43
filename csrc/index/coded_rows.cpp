#include "index/coded_rows.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdlib>
#include <new>

#if defined(__linux__)
#include <sys/mman.h>
#endif

#include "index/code_bound.h"
#include "index/code_scale.h"
#include "parallel.h"

namespace recstream {
namespace {

constexpr std::int64_t kGroup = kernels::kGroupRows;
constexpr std::size_t kCacheLine = 64;
// With pages of 4 KiB the scan waits for address translation: a million rows have 16,000 of them.
constexpr std::size_t kLargePage = std::size_t{1} << 21;

// Squared length of what the codes leave of the values.
double encode(std::span<const double> values, double scale, std::int8_t* codes) {
  const double steps = 1 / scale;
  double squares = 0;
  for (std::size_t j = 0; j < values.size(); ++j) {
    const int code = code_for(values[j], steps);
    codes[j] = static_cast<std::int8_t>(code);
    const double left = values[j] - scale * code;
    squares += left * left;
  }
  return squares;
}

/// Codes groups of rows one after another. Not safe for use from several threads.
class GroupCoder {
 public:
  GroupCoder(const IndexSnapshot& snapshot, CodedRows& coded)
      : snapshot_(snapshot),
        coded_(coded),
        rotated_(static_cast<std::size_t>(kGroup * coded.dimension)),
        row_codes_(static_cast<std::size_t>(coded.quads) * kernels::kQuad) {}

  void code(std::int64_t group) {
    const auto first = group * kGroup;
    const auto count = std::min(kGroup, static_cast<std::int64_t>(coded_.rows.size()) - first);
    const auto slots = std::span(coded_.rows).subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(count));
    const auto d = static_cast<std::size_t>(coded_.dimension);
    for (std::size_t slot = 0; slot < slots.size(); ++slot) {
      coded_.rotation.apply(snapshot_.vector(slots[slot]), rotated_.data() + slot * d);
    }
    CodedGroup& header = coded_.groups[static_cast<std::size_t>(group)];
    header = {.scale = code_scale(std::span(rotated_).first(slots.size() * d)), .residual = 0, .norm = 0};
    std::uint8_t* codes = coded_.codes.get() + group * coded_.group_bytes();
    std::fill_n(codes, coded_.group_bytes(), static_cast<std::uint8_t>(kernels::kCodeOffset));
    for (std::size_t slot = 0; slot < slots.size(); ++slot) {
      const double norm = CodeBound::kSlack * snapshot_.norm(slots[slot]);
      const double squares = encode(std::span(rotated_).subspan(slot * d, d), header.scale, row_codes_.data());
      header.residual = std::max(header.residual, CodeBound::row_residual(std::sqrt(squares), norm));
      header.norm = std::max(header.norm, norm);
      place(codes + slot * kernels::kQuad);
    }
  }

 private:
  void place(std::uint8_t* codes) const {
    for (std::size_t j = 0; j < row_codes_.size(); ++j) {
      codes[j / kernels::kQuad * kernels::kQuadBytes + j % kernels::kQuad] =
          static_cast<std::uint8_t>(row_codes_[j] + kernels::kCodeOffset);
    }
  }

  const IndexSnapshot& snapshot_;
  CodedRows& coded_;
  std::vector<double> rotated_;
  std::vector<std::int8_t> row_codes_;
};

// The order needs no more than float32; as integers, the bits of numbers that are not negative sort like them.
std::vector<std::uint32_t> rows_by_falling_norm(const IndexSnapshot& snapshot) {
  std::vector<std::uint64_t> keys;
  keys.reserve(static_cast<std::size_t>(snapshot.rows - snapshot.deleted));
  for (std::int64_t row = 0; row < snapshot.rows; ++row) {
    if (!snapshot.is_live(row)) continue;
    const auto bits = std::bit_cast<std::uint32_t>(static_cast<float>(snapshot.norm(row)));
    keys.push_back(std::uint64_t{~bits} << 32 | static_cast<std::uint64_t>(row));
  }
  std::sort(keys.begin(), keys.end());
  std::vector<std::uint32_t> rows(keys.size());
  std::transform(keys.begin(), keys.end(), rows.begin(),
                 [](std::uint64_t key) { return static_cast<std::uint32_t>(key); });
  return rows;
}

// Not rounded up to whole large pages, which for a million rows of 64 dimensions would be 1.5% more.
std::uint8_t* allocate_codes(std::size_t bytes) {
  const std::size_t unit = bytes < kLargePage ? kCacheLine : kLargePage;
  void* memory = nullptr;
  if (posix_memalign(&memory, unit, std::max(bytes, unit)) != 0) throw std::bad_alloc();
#if defined(__linux__)
  // Only advice: without it everything works, more slowly.
  if (unit == kLargePage) madvise(memory, bytes / kLargePage * kLargePage, MADV_HUGEPAGE);
#endif
  return static_cast<std::uint8_t*>(memory);
}

void free_codes(std::uint8_t* codes) { std::free(codes); }

}  // namespace

CodedRows::CodedRows(std::int64_t d)
    : rotation(d),
      dimension(d),
      quads(static_cast<int>((d + kernels::kQuad - 1) / kernels::kQuad)),
      codes(nullptr, &free_codes) {}

std::int64_t CodedRows::bytes() const {
  return static_cast<std::int64_t>(groups.size()) * (group_bytes() + static_cast<std::int64_t>(sizeof(CodedGroup))) +
         static_cast<std::int64_t>(rows.size() * sizeof(std::uint32_t));
}

std::shared_ptr<const CodedRows> code_rows(const IndexSnapshot& snapshot, int threads, const std::stop_token& stop) {
  auto coded = std::make_shared<CodedRows>(snapshot.dimension);
  coded->rows = rows_by_falling_norm(snapshot);
  const auto groups = (static_cast<std::int64_t>(coded->rows.size()) + kGroup - 1) / kGroup;
  coded->groups.resize(static_cast<std::size_t>(groups));
  const auto bytes = static_cast<std::size_t>(groups * coded->group_bytes());
  coded->codes.reset(allocate_codes(bytes));
  constexpr std::int64_t kGroupsPerThread = 64;
  const auto parts = std::clamp<std::int64_t>(groups / kGroupsPerThread, 1, threads);
  run_parts(static_cast<int>(parts), [&](int part) {
    GroupCoder coder(snapshot, *coded);
    const auto end = groups * (part + 1) / parts;
    for (auto group = groups * part / parts; group < end && !stop.stop_requested(); ++group) coder.code(group);
  });
  if (stop.stop_requested()) return nullptr;
  for (auto group = groups - 2; group >= 0; --group) {
    const auto g = static_cast<std::size_t>(group);
    coded->groups[g].norm = std::max(coded->groups[g].norm, coded->groups[g + 1].norm);
  }
  return coded;
}

}  // namespace recstream
