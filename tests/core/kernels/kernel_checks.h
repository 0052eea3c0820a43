#pragma once

#include <cstdint>
#include <iostream>
#include <random>
#include <string>
#include <vector>

#include "kernels/kernels.h"

namespace recstream::checks {

using Random = std::mt19937_64;

/// Counts what was checked, and prints what was not as it should be.
class Report {
 public:
  void expect(bool holds, const kernels::Table& level, const std::string& what) {
    ++checked_;
    if (holds) return;
    ++failed_;
    std::cout << level.name << ": " << what << " differs\n";
  }

  std::int64_t checked() const { return checked_; }
  std::int64_t failed() const { return failed_; }

 private:
  std::int64_t checked_ = 0;
  std::int64_t failed_ = 0;
};

/// Every function of a level against the scalar one, or against float64 where it may round.
void check_kernels(const kernels::Table& level, Random& random, Report& report);

/// Whole searches, bit by bit, against those of the scalar level.
void check_searches(const kernels::Table& level, Random& random, Report& report);

}  // namespace recstream::checks
