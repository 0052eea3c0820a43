#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace recstream {

/// The rows that pass a filter, as a bitmap. Immutable, and shared by all who use it.
class CompiledFilter {
 public:
  /// Bit r % 64 of word r / 64 says whether row r passes; bits from `rows` on are zero.
  CompiledFilter(std::vector<std::uint64_t> words, std::int64_t rows);

  std::span<const std::uint64_t> words() const { return words_; }
  /// Of the table that the filter was compiled for.
  std::int64_t rows() const { return rows_; }
  /// Rows that pass.
  std::int64_t count() const { return count_; }

 private:
  std::vector<std::uint64_t> words_;
  std::int64_t rows_;
  std::int64_t count_;
};

using SharedFilter = std::shared_ptr<const CompiledFilter>;

}  // namespace recstream
