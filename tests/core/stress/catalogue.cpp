#include "catalogue.h"

#include <algorithm>
#include <utility>

#include "bitmap.h"
#include "stress.h"

namespace recstream::stress {
namespace {

// A search would have to last for so many writes to find its moment gone.
constexpr std::size_t kMomentsKept = 256;
constexpr int kRowsAWrite = 300;

}  // namespace

std::vector<float> whole_numbers(std::mt19937& random, std::int64_t count) {
  std::uniform_int_distribution<int> number(-4, 4);
  std::vector<float> values(static_cast<std::size_t>(count));
  for (auto& value : values) value = static_cast<float>(number(random));
  return values;
}

std::vector<ScoredRow> Moment::best(const float* query, std::int64_t k, const RowFilter& filter) const {
  std::vector<bool> excluded(alive.size());
  for (const auto row : filter.exclude) {
    if (row < rows()) excluded[static_cast<std::size_t>(row)] = true;
  }
  std::vector<ScoredRow> ranked;
  for (std::int64_t row = 0; row < rows(); ++row) {
    const auto r = static_cast<std::size_t>(row);
    if (!alive[r] || excluded[r] || (filter.allow && !has_bit(*filter.allow, row))) continue;
    double score = 0;
    for (std::int64_t j = 0; j < dimension; ++j) {
      score +=
          static_cast<double>(query[j]) * static_cast<double>(vectors[static_cast<std::size_t>(row * dimension + j)]);
    }
    ranked.push_back({.score = score, .row = row});
  }
  std::sort(ranked.begin(), ranked.end(), ranks_before);
  ranked.resize(std::min(ranked.size(), static_cast<std::size_t>(k)));
  return ranked;
}

Catalogue::Catalogue(std::int64_t rows, std::int64_t dimension, unsigned seed)
    : dimension_(dimension),
      given_([&] {
        std::mt19937 random(seed);
        return whole_numbers(random, rows * dimension);
      }()),
      index_({.data = given_.data(), .rows = rows, .dimension = dimension}, 2, {}) {
  history_.push_back(
      std::make_shared<const Moment>(Moment{.number = 0,
                                            .dimension = dimension,
                                            .vectors = given_,
                                            .alive = std::vector<bool>(static_cast<std::size_t>(rows), true)}));
}

void Catalogue::write(std::mt19937& random) {
  const std::scoped_lock lock(writer_);
  Moment next = *latest();
  const auto number = ++next.number;
  if (random() % 3 == 0) {
    erase(std::move(next), random);
  } else {
    upsert(std::move(next), random);
  }
  finished_ = number;
}

void Catalogue::upsert(Moment next, std::mt19937& random) {
  std::vector<std::int64_t> rows;
  for (int i = 0; i < kRowsAWrite; ++i) rows.push_back(static_cast<std::int64_t>(random() % next.alive.size()));
  for (int i = 0; i < 7; ++i) rows.push_back(next.rows() + i);
  const auto vectors = whole_numbers(random, static_cast<std::int64_t>(rows.size()) * dimension_);
  next.alive.resize(next.alive.size() + 7);
  next.vectors.resize(next.alive.size() * static_cast<std::size_t>(dimension_));
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto first = static_cast<std::int64_t>(i) * dimension_;
    std::copy_n(vectors.begin() + first, dimension_, next.vectors.begin() + rows[i] * dimension_);
    next.alive[static_cast<std::size_t>(rows[i])] = true;
  }
  begin(std::move(next));
  index_.upsert(rows,
                {.data = vectors.data(), .rows = static_cast<std::int64_t>(rows.size()), .dimension = dimension_});
}

void Catalogue::erase(Moment next, std::mt19937& random) {
  std::vector<std::int64_t> rows;
  for (int i = 0; i < kRowsAWrite; ++i) rows.push_back(static_cast<std::int64_t>(random() % next.alive.size()));
  for (const auto row : rows) next.alive[static_cast<std::size_t>(row)] = false;
  begin(std::move(next));
  index_.erase(rows);
}

void Catalogue::begin(Moment next) {
  const std::scoped_lock lock(history_mutex_);
  history_.push_back(std::make_shared<const Moment>(std::move(next)));
  if (history_.size() > kMomentsKept) history_.pop_front();
}

std::shared_ptr<const Moment> Catalogue::latest() const {
  const std::scoped_lock lock(history_mutex_);
  return history_.back();
}

std::vector<std::shared_ptr<const Moment>> Catalogue::since(std::int64_t number) const {
  const std::scoped_lock lock(history_mutex_);
  require(history_.front()->number <= number, "a search lasted for too many writes to be checked");
  std::vector<std::shared_ptr<const Moment>> moments;
  for (const auto& moment : history_) {
    if (moment->number >= number) moments.push_back(moment);
  }
  return moments;
}

}  // namespace recstream::stress
