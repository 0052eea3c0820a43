#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <string>

#include "catalogue.h"
#include "recstream/engine.h"
#include "recstream/id_table.h"
#include "recstream/user_encoder.h"
#include "stress.h"

namespace recstream::stress {
namespace {

constexpr std::int64_t kItems = 1500;
constexpr std::int64_t kDimension = 8;

/// Ids "0", "1", ... as the buffers that an IdTable borrows.
struct Numbers {
  explicit Numbers(std::int64_t count) {
    for (std::int64_t row = 0; row < count; ++row) {
      const auto text = std::to_string(row);
      utf8.insert(utf8.end(), text.begin(), text.end());
      offsets.push_back(static_cast<std::int64_t>(utf8.size()));
    }
  }

  std::vector<std::uint8_t> utf8;
  std::vector<std::int64_t> offsets{0};
};

/// A model, an engine on it, and the ranking of all its items for the one vector that its encoder makes.
///
/// Event number v is on item v - 1 and marks it as seen, so an answer of version v must leave out the first v items.
class World {
 public:
  explicit World(unsigned seed) : random_(seed) {
    for (const auto& scored : moment_.best(vector_.data(), kItems, {})) ranking_.push_back(scored.row);
  }

  void apply_next() {
    const std::scoped_lock lock(log_);
    if (applied_ + 1 >= kItems) return;
    const auto item = std::to_string(applied_.load());
    const Event event{.version = applied_ + 1,
                      .user_id = "new",
                      .session_id = "visit",
                      .item_id = item,
                      .weight = 1,
                      .marks_seen = true};
    engine_.apply({&event, 1});
    ++applied_;
  }

  void recommend_and_check(std::int64_t k) const {
    const auto oldest = applied_.load();
    const auto answer = engine_.recommend({.subject = {.user_id = "new", .session_id = "visit", .recent_events = {}},
                                           .k = k,
                                           .candidate_ids = {},
                                           .candidate_rows = {},
                                           .exclude = {}});
    require(answer.state_version >= oldest, "an answer is older than an event that was applied before it began");
    std::vector<std::int64_t> expected;
    // Without an event nobody knows the user: what is popular, here all the same, comes by rising row.
    for (std::int64_t place = 0; place < kItems && static_cast<std::int64_t>(expected.size()) < k; ++place) {
      const auto row = answer.state_version == 0 ? place : ranking_[static_cast<std::size_t>(place)];
      if (row >= answer.state_version) expected.push_back(row);
    }
    require(answer.rows == expected, "an answer is not that of its state_version");
  }

  void take_over_state() {
    const auto bytes = engine_.snapshot();
    Engine other(model_, {});
    other.restore(bytes);
    require(other.snapshot() == bytes, "a snapshot does not come back as it was");
  }

 private:
  std::mt19937 random_;
  const Moment moment_{.number = 0,
                       .dimension = kDimension,
                       .vectors = whole_numbers(random_, kItems* kDimension),
                       .alive = std::vector<bool>(kItems, true)};
  const std::vector<float> vector_ = whole_numbers(random_, kDimension);
  const std::vector<float> popularity_ = std::vector<float>(kItems, 1.0F);
  const Numbers item_texts_{kItems};
  const Numbers user_texts_{0};
  const IdTable item_ids_{item_texts_.utf8, item_texts_.offsets};
  const IdTable user_ids_{user_texts_.utf8, user_texts_.offsets};
  const std::vector<std::int64_t> pointers_{0};
  const std::unique_ptr<UserEncoder> encoder_ = make_constant(vector_);
  const EngineModel model_{
      .item_ids = &item_ids_,
      .item_vectors = {.data = moment_.vectors.data(), .rows = kItems, .dimension = kDimension},
      .item_popularity = popularity_,
      .user_ids = &user_ids_,
      .user_vectors = {.data = nullptr, .rows = 0, .dimension = kDimension},
      .history_pointers = pointers_,
      .history_rows = {},
      .history_weights = {},
      .encoder = encoder_.get(),
  };
  Engine engine_{model_, {}};
  std::vector<std::int64_t> ranking_;
  std::mutex log_;
  std::atomic<std::int64_t> applied_{0};
};

}  // namespace

void stress_engine(Clock::time_point deadline) {
  std::mutex mutex;
  auto served = std::make_shared<World>(0);
  const auto get = [&] {
    const std::scoped_lock lock(mutex);
    return served;
  };
  std::vector<std::function<void()>> works(2, [&] { get()->apply_next(); });
  works.emplace_back([&, seed = 1U]() mutable {
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    auto fresh = std::make_shared<World>(seed++);
    const std::scoped_lock lock(mutex);
    served.swap(fresh);
  });
  works.emplace_back([&] { get()->take_over_state(); });
  for (const std::int64_t k : {1, 10, 100, 2000}) works.emplace_back([&, k] { get()->recommend_and_check(k); });
  run_until(deadline, works);
}

}  // namespace recstream::stress
