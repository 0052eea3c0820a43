#pragma once

#include <cstdint>
#include <vector>

#include "index/coded_rows.h"

namespace recstream {

/// What a quad of a query's dimensions adds to its bounds; see CodeBound.
struct QuadShare {
  /// Squared length of the quad, of what its codes leave of it, and of its codes.
  double squares;
  double left;
  std::int32_t code_squares;
  std::int32_t code_sum;
};

/// A query as codes; see CodeBound.
struct CodedQuery {
  CodedQuery(const float* query, double norm, const CodedRows& rows);

  /// Padded with zeros to whole quads.
  std::vector<std::int8_t> codes;
  std::vector<QuadShare> quads;
  double norm;
  /// Step of the codes, t, and its inverse.
  double scale;
  double steps;
  /// A.
  double length;
  /// E.
  double error;
};

}  // namespace recstream
