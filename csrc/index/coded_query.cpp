#include "index/coded_query.h"

#include <algorithm>
#include <cmath>

#include "index/code_bound.h"
#include "index/code_scale.h"

namespace recstream {

CodedQuery::CodedQuery(const float* query, double query_norm, const CodedRows& rows)
    : codes(static_cast<std::size_t>(rows.quads) * kernels::kQuad),
      quads(static_cast<std::size_t>(rows.quads)),
      norm(query_norm) {
  std::vector<double> rotated(codes.size());
  rows.rotation.apply(query, rotated.data());
  scale = code_scale(std::span(rotated).first(static_cast<std::size_t>(rows.dimension)));
  steps = 1 / scale;
  double left = 0;
  std::int64_t squares = 0;
  for (std::size_t quad = 0; quad < quads.size(); ++quad) {
    QuadShare share{};
    for (std::size_t j = quad * kernels::kQuad; j < (quad + 1) * kernels::kQuad; ++j) {
      const int code = code_for(rotated[j], steps);
      codes[j] = static_cast<std::int8_t>(code);
      const double rest = rotated[j] - scale * code;
      share.squares += rotated[j] * rotated[j];
      share.left += rest * rest;
      share.code_squares += code * code;
      share.code_sum += code;
    }
    left += share.left;
    squares += share.code_squares;
    quads[quad] = share;
  }
  error = CodeBound::query_error(std::sqrt(left), norm, rows.dimension);
  length = CodeBound::kSlack * scale * std::sqrt(static_cast<double>(squares));
}

}  // namespace recstream
