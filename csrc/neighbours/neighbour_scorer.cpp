#include "recstream/neighbour_scorer.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>

#include "neighbours/inverted_lists.h"
#include "recstream/exact_index.h"

namespace recstream {
namespace {

using Scores = std::vector<double>;

void add_row(Scores& scores, const SparseView::Row& row, double factor) {
  for (std::size_t i = 0; i < row.columns.size(); ++i) {
    scores[static_cast<std::size_t>(row.columns[i])] += factor * static_cast<double>(row.values[i]);
  }
}

class ItemNeighbours final : public NeighbourScorer {
 public:
  explicit ItemNeighbours(const SparseView& similarity) : similarity_(similarity) {}

  std::int64_t item_count() const override { return similarity_.rows(); }

  Scores scores(std::span<const std::int64_t> rows, std::span<const float> weights) const override {
    Scores sums(static_cast<std::size_t>(item_count()));
    for (std::size_t h = 0; h < rows.size(); ++h) {
      if (weights[h] != 0) add_row(sums, similarity_.row(rows[h]), static_cast<double>(weights[h]));
    }
    return sums;
  }

  Scores similarities(std::int64_t row) const override {
    Scores values(static_cast<std::size_t>(item_count()));
    add_row(values, similarity_.row(row), 1);
    values[static_cast<std::size_t>(row)] = 0;
    return values;
  }

 private:
  const SparseView similarity_;
};

class UserNeighbours final : public NeighbourScorer {
 public:
  UserNeighbours(const SparseView& profiles, const SparseView& votes, std::int64_t item_count,
                 const UserNeighbourOptions& options)
      : profiles_(profiles), votes_(votes), options_(options), owners_(profiles, item_count) {}

  std::int64_t item_count() const override { return owners_.lists(); }

  Scores scores(std::span<const std::int64_t> rows, std::span<const float> weights) const override {
    Scores sums(static_cast<std::size_t>(item_count()));
    for (const auto& [similarity, user] : neighbours(rows, weights)) add_row(sums, votes_.row(user), similarity);
    return sums;
  }

  Scores similarities(std::int64_t row) const override {
    Scores products(static_cast<std::size_t>(item_count()));
    for (const auto& [user, value] : owners_.list(row)) {
      add_row(products, profiles_.row(user), static_cast<double>(value));
    }
    const double length = owners_.length(row);
    for (std::size_t item = 0; item < products.size(); ++item) {
      if (products[item] != 0) products[item] /= length * owners_.length(static_cast<std::int64_t>(item));
    }
    products[static_cast<std::size_t>(row)] = 0;
    return products;
  }

 private:
  /// Most similar first.
  std::vector<ScoredRow> neighbours(std::span<const std::int64_t> rows, std::span<const float> weights) const {
    Scores similarities(static_cast<std::size_t>(profiles_.rows()));
    std::vector<std::int32_t> common(similarities.size());
    for (std::size_t h = 0; h < rows.size(); ++h) {
      if (weights[h] == 0) continue;
      for (const auto& [user, value] : owners_.list(rows[h])) {
        similarities[static_cast<std::size_t>(user)] += static_cast<double>(weights[h]) * static_cast<double>(value);
        ++common[static_cast<std::size_t>(user)];
      }
    }
    std::vector<ScoredRow> users;
    for (std::size_t user = 0; user < similarities.size(); ++user) {
      if (!(similarities[user] > 0)) continue;
      const auto count = static_cast<double>(common[user]);
      users.push_back({.score = similarities[user] * (count / (count + options_.shrinkage)),
                       .row = static_cast<std::int64_t>(user)});
    }
    keep_best(users, options_.neighbours);
    return users;
  }

  const SparseView profiles_;
  const SparseView votes_;
  const UserNeighbourOptions options_;
  const InvertedLists owners_;
};

}  // namespace

std::unique_ptr<NeighbourScorer> make_item_neighbours(const SparseView& similarity) {
  require_sparse(similarity, similarity.rows(), "similarity");
  return std::make_unique<ItemNeighbours>(similarity);
}

std::unique_ptr<NeighbourScorer> make_user_neighbours(const SparseView& profiles, const SparseView& votes,
                                                      std::int64_t item_count, const UserNeighbourOptions& options) {
  require_sparse(profiles, item_count, "profiles");
  require_sparse(votes, item_count, "votes");
  if (profiles.rows() != votes.rows()) {
    throw std::invalid_argument("votes must have a row for each of the " + std::to_string(profiles.rows()) +
                                " profiles, got " + std::to_string(votes.rows()));
  }
  if (options.neighbours < 1) {
    throw std::invalid_argument("neighbours must be at least 1, got " + std::to_string(options.neighbours));
  }
  if (!(options.shrinkage >= 0) || !std::isfinite(options.shrinkage)) {
    throw std::invalid_argument("shrinkage must be at least 0 and finite, got " + std::to_string(options.shrinkage));
  }
  return std::make_unique<UserNeighbours>(profiles, votes, item_count, options);
}

void require_history(const NeighbourScorer& scorer, std::span<const std::int64_t> rows,
                     std::span<const float> weights) {
  if (rows.size() != weights.size()) {
    throw std::invalid_argument("weights must have one entry for each of the " + std::to_string(rows.size()) +
                                " rows, got " + std::to_string(weights.size()));
  }
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (rows[i] < 0 || rows[i] >= scorer.item_count()) {
      throw std::invalid_argument("rows[" + std::to_string(i) + "] is " + std::to_string(rows[i]) +
                                  "; there are items 0 to " + std::to_string(scorer.item_count() - 1));
    }
    if (!std::isfinite(weights[i])) throw std::invalid_argument("weights[" + std::to_string(i) + "] is not finite");
  }
}

}  // namespace recstream
