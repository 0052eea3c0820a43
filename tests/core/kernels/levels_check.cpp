// Holds every level of this machine against the scalar one; prints the levels, and fails when one differs.
#include "kernel_checks.h"
#include "recstream/simd_level.h"

int main() {
  recstream::checks::Report report;
  recstream::checks::Random random(1);
  for (const auto& name : recstream::simd_levels()) {
    const auto& level = recstream::kernels_for(name);
    recstream::checks::check_kernels(level, random, report);
    recstream::checks::check_searches(level, random, report);
    std::cout << name << "\n";
  }
  std::cout << report.checked() << " checks, " << report.failed() << " differ\n";
  return report.failed() == 0 ? 0 : 1;
}
