#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/kernels.h"

namespace recstream::kernels::avx512 {

/// Those functions of Table that need no more than the foundation of AVX-512.
void dot_exact_rows(const float* const* rows, std::size_t n, int dimension, const float* query, double* out);
void set_cutoffs(const RunBounds& run, const QueryBound& query, std::int32_t* cutoffs);
std::uint64_t bits_at(const std::uint64_t* bitmap, const std::uint32_t* rows, int n);
std::size_t add_intervals(const ScoredGroup& group, std::int32_t least, const Intervals& end);
std::int32_t reached_by(const std::int32_t* values, std::size_t n, std::size_t k, std::size_t slack,
                        std::int32_t least);
std::size_t keep_reaching(const Intervals& intervals, std::size_t n, std::int32_t least);
void rank(const std::int32_t* values, std::size_t n, std::int32_t* ranks);

}  // namespace recstream::kernels::avx512
