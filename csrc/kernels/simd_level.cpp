#include "recstream/simd_level.h"

#include <cstdlib>
#include <stdexcept>

#include "kernels/kernels.h"

#if defined(__aarch64__) && defined(__linux__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

namespace recstream {
namespace {

std::vector<const kernels::Table*> find_levels() {
  std::vector<const kernels::Table*> levels;
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
    const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vnni");
    if (avx512) levels.push_back(&kernels::kAvx512Vnni);
    if (__builtin_cpu_supports("avxvnni")) levels.push_back(&kernels::kAvxVnni);
    levels.push_back(&kernels::kAvx2);
  }
#elif defined(__aarch64__) && defined(__linux__)
  if ((getauxval(AT_HWCAP) & HWCAP_ASIMDDP) != 0) levels.push_back(&kernels::kNeonDotprod);
#endif
  levels.push_back(&kernels::kScalar);
  return levels;
}

const std::vector<const kernels::Table*>& levels() {
  static const std::vector<const kernels::Table*> kLevels = find_levels();
  return kLevels;
}

[[noreturn]] void refuse_level(std::string_view level, const char* source) {
  std::string message =
      std::string(source) + " \"" + std::string(level) + "\" is not a level of this machine; use one of";
  for (const auto* table : levels()) message += std::string(" ") + table->name;
  throw std::invalid_argument(message);
}

}  // namespace

std::vector<std::string> simd_levels() {
  std::vector<std::string> names;
  for (const auto* table : levels()) names.emplace_back(table->name);
  return names;
}

const kernels::Table& kernels_for(std::string_view level) {
  const char* source = "level";
  if (level.empty()) {
    const char* wanted = std::getenv("RECSTREAM_SIMD_LEVEL");
    if (wanted == nullptr || *wanted == '\0') return *levels().front();
    level = wanted;
    source = "RECSTREAM_SIMD_LEVEL";
  }
  for (const auto* table : levels()) {
    if (level == table->name) return *table;
  }
  refuse_level(level, source);
}

}  // namespace recstream
