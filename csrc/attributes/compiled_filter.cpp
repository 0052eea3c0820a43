#include "recstream/compiled_filter.h"

#include <bit>
#include <numeric>

namespace recstream {

CompiledFilter::CompiledFilter(std::vector<std::uint64_t> words, std::int64_t rows)
    : words_(std::move(words)),
      rows_(rows),
      count_(std::accumulate(words_.begin(), words_.end(), std::int64_t{0},
                             [](std::int64_t sum, std::uint64_t word) { return sum + std::popcount(word); })) {}

}  // namespace recstream
