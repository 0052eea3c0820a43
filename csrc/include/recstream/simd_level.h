#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace recstream {

namespace kernels {
struct Table;
}

/// Names of the instruction-set levels that this machine can run, best first; the last is always "scalar".
std::vector<std::string> simd_levels();

/// Kernels of a level; an empty name means the one that the environment variable RECSTREAM_SIMD_LEVEL names, or else
/// the best one. Throws std::invalid_argument for a name that is not in simd_levels(). The table lives for ever.
const kernels::Table& kernels_for(std::string_view level);

}  // namespace recstream
