#include "index/query_tile.h"

#include <algorithm>
#include <cmath>
#include <ranges>
#include <utility>

#include "index/code_bound.h"

namespace recstream {
namespace {

// Prefixes to choose from; finer steps gain nothing.
constexpr int kPrefixes = 16;
// Standard deviations of a random row's score by which a prefix must miss its cutoff, so that few groups of rows have
// one that passes.
constexpr double kFewPass = 3.2;

}  // namespace

CodedRun::CodedRun(const CodedRows& rows, std::int64_t first_group, int count)
    : first(first_group), groups(count), codes(rows.group_codes(first_group)), bounds{} {
  for (int g = 0; g < count; ++g) {
    const CodedGroup& group = rows.groups[static_cast<std::size_t>(first + g)];
    bounds.norm[g] = CodeBound::kSlack * group.norm;
    bounds.residual[g] = CodeBound::kSlack * group.residual;
    bounds.steps[g] = 1 / group.scale;
  }
  norm = bounds.norm[0];
}

QueryTile::QueryTile(std::span<const CodedQuery> queries, std::span<const std::size_t> members)
    : queries_(queries), members_(members.begin(), members.end()) {
  const auto quads = queries_[members_.front()].quads.size();
  std::vector<std::int32_t> offsets(quads);
  for (std::size_t quad = 0; quad < quads; ++quad)
    offsets[quad] = static_cast<std::int32_t>(quad) * kernels::kQuadBytes;
  as_they_lie_ = ordered(std::move(offsets));
  tile_.queries = static_cast<int>(members_.size());
  tile_.quads = static_cast<int>(quads);
  for (std::size_t i = 0; i < members_.size(); ++i) {
    for (const auto& share : queries_[members_[i]].quads) tile_.bias[i] -= kernels::kCodeOffset * share.code_sum;
  }
  // On a million rows of skewed norms one query gains 3 to 7% by a prefix, and 32 lose up to 3%.
  if (members_.size() > 1) return;
  by_share_ = ordered(by_falling_share());
  measure_prefixes();
}

std::vector<std::int32_t> QueryTile::by_falling_share() const {
  std::vector<std::pair<double, std::int32_t>> shares;
  for (const auto offset : as_they_lie_.offsets) {
    double share = 0;
    for (const auto member : members_) {
      const CodedQuery& query = queries_[member];
      const double squares = query.quads[static_cast<std::size_t>(offset / kernels::kQuadBytes)].squares;
      share += query.norm > 0 ? squares / (query.norm * query.norm) : 0;
    }
    shares.emplace_back(-share, offset);
  }
  std::sort(shares.begin(), shares.end());
  std::vector<std::int32_t> offsets;
  offsets.reserve(shares.size());
  for (const auto& share : shares) offsets.push_back(share.second);
  return offsets;
}

QueryTile::Order QueryTile::ordered(std::vector<std::int32_t> offsets) const {
  constexpr std::size_t kStride = std::size_t{kernels::kTileQueries} * kernels::kQuad;
  std::vector<std::int8_t> codes(offsets.size() * kStride);
  for (std::size_t i = 0; i < members_.size(); ++i) {
    const CodedQuery& query = queries_[members_[i]];
    for (std::size_t place = 0; place < offsets.size(); ++place) {
      std::copy_n(query.codes.data() + offsets[place] / kernels::kQuadBytes * kernels::kQuad, kernels::kQuad,
                  codes.data() + place * kStride + i * kernels::kQuad);
    }
  }
  return {.offsets = std::move(offsets), .codes = std::move(codes)};
}

void QueryTile::measure_prefixes() {
  const int quads = tile_.quads;
  const int step = std::max(1, quads / kPrefixes);
  prefixes_.resize(static_cast<std::size_t>((quads - 1) / step));
  for (std::size_t p = 0; p < prefixes_.size(); ++p) prefixes_[p].quads = static_cast<int>(p + 1) * step;
  for (std::size_t i = 0; i < members_.size(); ++i) measure_prefixes_of(i);
}

void QueryTile::measure_prefixes_of(std::size_t i) {
  const CodedQuery& query = queries_[members_[i]];
  const auto share_at = [&](int place) -> const QuadShare& {
    const auto offset = static_cast<std::size_t>(by_share_.offsets[static_cast<std::size_t>(place)]);
    return query.quads[offset / kernels::kQuadBytes];
  };
  // Only sums of what is not negative: a difference could lose all its bits.
  double missing = 0;
  int place = tile_.quads;
  for (auto& prefix : std::views::reverse(prefixes_)) {
    while (place > prefix.quads) missing += share_at(--place).squares;
    prefix.error[i] = missing;
  }
  const double dimension = static_cast<double>(kernels::kQuad * tile_.quads);
  double left = 0;
  double squares = 0;
  std::int32_t sum = 0;
  place = 0;
  for (auto& prefix : prefixes_) {
    for (; place < prefix.quads; ++place) {
      const QuadShare& share = share_at(place);
      left += share.left;
      squares += share.code_squares;
      sum += share.code_sum;
    }
    prefix.error[i] =
        CodeBound::query_error(std::sqrt(prefix.error[i] + left), query.norm, kernels::kQuad * tile_.quads);
    prefix.length[i] = CodeBound::kSlack * query.scale * std::sqrt(squares);
    prefix.bias[i] = -kernels::kCodeOffset * sum;
    prefix.worthwhile[i] = prefix.error[i] + kFewPass * prefix.length[i] / std::sqrt(dimension);
  }
}

void QueryTile::choose_prefix(double norm, std::span<const double> thresholds) {
  const auto refuses = [&](const Prefix& prefix) {
    for (std::size_t i = 0; i < members_.size(); ++i) {
      if (thresholds[i] < norm * prefix.worthwhile[i]) return false;
    }
    return true;
  };
  const auto found = std::find_if(prefixes_.begin(), prefixes_.end(), refuses);
  prefix_ = found == prefixes_.end() ? nullptr : &*found;
}

void QueryTile::match(const CodedRun& run, std::span<const double> thresholds, const EligibleSlots& eligible,
                      const kernels::Table& kernels, kernels::CodeMatches& matches) {
  choose_prefix(run.norm, thresholds);
  const Order& order = prefix_ != nullptr ? by_share_ : as_they_lie_;
  tile_.offsets = order.offsets.data();
  tile_.codes = order.codes.data();
  tile_.prefix = prefix_ != nullptr ? prefix_->quads : tile_.quads;
  for (std::size_t i = 0; i < members_.size(); ++i) {
    tile_.eligible[i] = eligible.slots(members_[i]);
    const CodedQuery& query = queries_[members_[i]];
    kernels::QueryBound bound{
        .threshold = thresholds[i], .error = query.error, .length = query.length, .steps = query.steps};
    kernels.set_cutoffs(run.bounds, bound, tile_.cutoffs[i]);
    if (prefix_ == nullptr) continue;
    bound.error = prefix_->error[i];
    bound.length = prefix_->length[i];
    tile_.prefix_bias[i] = prefix_->bias[i];
    kernels.set_cutoffs(run.bounds, bound, tile_.prefix_cutoffs[i]);
  }
  kernels.match_codes(run.codes, run.groups, tile_, matches);
}

}  // namespace recstream
