#pragma once

#include <cstddef>
#include <new>
#include <vector>

namespace recstream {

/// Allocates on cache lines, so that no wide load or store meets two of them.
template <class T>
struct CacheLineAllocator {
  using value_type = T;
  static constexpr std::align_val_t kLine{64};

  CacheLineAllocator() = default;
  template <class U>
  explicit CacheLineAllocator(const CacheLineAllocator<U>& /*other*/) {}

  T* allocate(std::size_t n) { return static_cast<T*>(::operator new(n * sizeof(T), kLine)); }
  void deallocate(T* cells, std::size_t /*n*/) { ::operator delete(cells, kLine); }
  bool operator==(const CacheLineAllocator& /*other*/) const { return true; }
};

using AlignedDoubles = std::vector<double, CacheLineAllocator<double>>;

}  // namespace recstream
