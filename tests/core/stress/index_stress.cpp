#include <algorithm>
#include <chrono>
#include <cmath>
#include <memory>
#include <mutex>
#include <stdexcept>

#include "bitmap.h"
#include "catalogue.h"
#include "stress.h"

namespace recstream::stress {
namespace {

constexpr std::int64_t kRows = 2500;
constexpr std::int64_t kDimension = 12;
// Rows that are appended while a catalogue lives stay below this.
constexpr std::int64_t kBitmapRows = 64 * 4096;

/// The catalogue that is served, which somebody replaces now and then.
class Served {
 public:
  std::shared_ptr<Catalogue> get() const {
    const std::scoped_lock lock(mutex_);
    return catalogue_;
  }
  void swap_in(std::shared_ptr<Catalogue> fresh) {
    const std::scoped_lock lock(mutex_);
    catalogue_.swap(fresh);
  }

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<Catalogue> catalogue_ = std::make_shared<Catalogue>(kRows, kDimension, 0);
};

bool is_answer(const std::vector<ScoredRow>& best, std::int64_t k, const float* scores, const std::int64_t* rows) {
  for (std::int64_t i = 0; i < k; ++i) {
    const auto place = static_cast<std::size_t>(i);
    if (place >= best.size()) {
      if (rows[i] != -1 || !std::isinf(scores[i])) return false;
    } else if (rows[i] != best[place].row || scores[i] != static_cast<float>(best[place].score)) {
      return false;
    }
  }
  return true;
}

// All queries of a call must have been answered from one moment, between its begin and its end.
void search_and_check(const Catalogue& catalogue, std::mt19937& random) {
  const std::int64_t count = 1 + static_cast<std::int64_t>(random() % 3);
  const std::int64_t k = std::array<std::int64_t, 4>{1, 10, 200, 3000}[random() % 4];
  const auto queries = whole_numbers(random, count * kDimension);
  std::vector<std::uint64_t> allow(words_for(kBitmapRows));
  // Few bits for every other bitmap, so that both ways to apply one are taken.
  const bool few = random() % 2 == 0;
  for (auto& word : allow) word = few ? mask_of(static_cast<std::int64_t>(random() % 64)) : ~mask_of(7);
  std::vector<std::int64_t> exclude(random() % 40);
  for (auto& row : exclude) row = static_cast<std::int64_t>(random() % kRows);
  RowFilter filter{.allow = {}, .exclude = exclude};
  if (random() % 2 == 0) filter.allow = allow;
  const std::vector<RowFilter> filters(static_cast<std::size_t>(count), filter);

  std::vector<float> scores(static_cast<std::size_t>(count * k));
  std::vector<std::int64_t> rows(scores.size());
  const auto oldest = catalogue.oldest_visible();
  catalogue.index().search({.data = queries.data(), .rows = count, .dimension = kDimension}, k, filters, scores.data(),
                           rows.data());
  const auto moments = catalogue.since(oldest);
  const auto is_of = [&](const auto& moment) {
    for (std::int64_t q = 0; q < count; ++q) {
      const auto best = moment->best(queries.data() + q * kDimension, k, filter);
      if (!is_answer(best, k, scores.data() + q * k, rows.data() + q * k)) return false;
    }
    return true;
  };
  require(std::any_of(moments.begin(), moments.end(), is_of), "a search answered from no moment while it ran");
}

void look_at_the_rest(const Catalogue& catalogue, std::mt19937& random) {
  const auto stats = catalogue.index().stats();
  require(stats.rows >= kRows && stats.bytes > 0, "stats are wrong");
  catalogue.index().nearest(static_cast<std::int64_t>(random() % kRows), 5);
}

}  // namespace

void stress_index(Clock::time_point deadline) {
  Served served;
  std::int64_t merges = 0;
  std::vector<std::function<void()>> works;
  for (unsigned writer = 0; writer < 2; ++writer) {
    works.emplace_back([&served, random = std::mt19937(writer)]() mutable {
      served.get()->write(random);
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    });
  }
  works.emplace_back([&served, &merges, seed = 1U]() mutable {
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    merges += served.get()->index().stats().merges;
    served.swap_in(std::make_shared<Catalogue>(kRows, kDimension, seed++));
  });
  for (unsigned reader = 0; reader < 4; ++reader) {
    works.emplace_back(
        [&served, random = std::mt19937(100 + reader)]() mutable { search_and_check(*served.get(), random); });
  }
  works.emplace_back([&served, random = std::mt19937(7)]() mutable { look_at_the_rest(*served.get(), random); });
  run_until(deadline, works);
  merges += served.get()->index().stats().merges;
  require(merges > 0, "no merge took place: nothing was tried");
}

void stress_shared_scan(Clock::time_point deadline) {
  constexpr std::int64_t kWideRows = 40'000;
  constexpr std::int64_t kWideDimension = 32;
  constexpr std::int64_t kQueries = 60;  // Enough work for two threads.
  constexpr std::int64_t kWideK = 20;
  std::mt19937 random(9);
  const auto vectors = whole_numbers(random, kWideRows * kWideDimension);
  const auto queries = whole_numbers(random, kQueries * kWideDimension);
  ExactIndex index({.data = vectors.data(), .rows = kWideRows, .dimension = kWideDimension}, 2, {});
  std::vector<float> expected(kQueries * kWideK);
  std::vector<std::int64_t> expected_rows(expected.size());
  index.search({.data = queries.data(), .rows = kQueries, .dimension = kWideDimension}, kWideK, {}, expected.data(),
               expected_rows.data());

  const auto check = [&](std::int64_t first, std::int64_t count) {
    std::vector<float> scores(static_cast<std::size_t>(count * kWideK));
    std::vector<std::int64_t> rows(scores.size());
    index.search({.data = queries.data() + first * kWideDimension, .rows = count, .dimension = kWideDimension}, kWideK,
                 {}, scores.data(), rows.data());
    require(std::equal(scores.begin(), scores.end(), expected.begin() + first * kWideK),
            "scores differ from those alone");
    require(std::equal(rows.begin(), rows.end(), expected_rows.begin() + first * kWideK),
            "rows differ from those alone");
  };
  std::vector<std::function<void()>> works;
  works.emplace_back([&] { check(0, kQueries); });
  for (unsigned caller = 0; caller < 6; ++caller) {
    works.emplace_back([&, next = std::int64_t{caller}]() mutable { check(next = (next + 7) % kQueries, 1); });
  }
  works.emplace_back([&] {
    bool refused = false;
    try {
      index.search({.data = queries.data(), .rows = 1, .dimension = kWideDimension - 1}, 1, {}, nullptr, nullptr);
    } catch (const std::invalid_argument&) {
      refused = true;
    }
    require(refused, "a query of another dimension was not refused");
  });
  run_until(deadline, works);
}

}  // namespace recstream::stress
