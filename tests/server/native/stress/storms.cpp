// recstream_front_storms [SECONDS] [SEED]: one native front after the other between storming clients and a server that
// stands for the one in Python. Some are left to calm down, and must then have nothing at work; the others are stopped
// in the midst of it. Silent and 0 when every promise was kept.
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "client_storms.h"
#include "served_world.h"

namespace recstream::transport::stress {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr int kClients = 8;
constexpr std::chrono::seconds kCalm{30};

class Round {
 public:
  Round(SmallModel& model, const EchoServer& behind, unsigned seed, const std::string& reader_answer)
      : random_(seed),
        is_calm_(random_() % 2 == 0),
        expected_{.reader_answer = reader_answer, .everything_answered = is_calm_},
        world_(model, behind,
               is_calm_
                   ? FrontKind{.workers = workers(), .calls_in_flight = 1000, .streams = 1000, .queue_limit = 100'000}
                   : FrontKind{.workers = workers(), .calls_in_flight = 4, .streams = 4, .queue_limit = 10}) {
    for (int i = 0; i < kClients; ++i) {
      clients_.emplace_back(
          [this, seed = random_()] { run_client(world_.target(), expected_, static_cast<unsigned>(seed), stopped_); });
    }
  }

  void run() {
    std::this_thread::sleep_for(milliseconds(500 + random_() % 1500));
    if (is_calm_) {
      calm_down();
    } else {
      stop_in_the_midst();
    }
    clients_.clear();
  }

 private:
  int workers() { return random_() % 2 == 0 ? 0 : 4; }

  void calm_down() {
    stopped_ = true;
    clients_.clear();
    const auto end = Clock::now() + kCalm;
    while (!world_.is_idle()) {
      if (Clock::now() > end) {
        const auto& state = world_.front().state();
        std::cerr << "still at work: " << state.calls.inside() << " calls, " << state.streams.inside() << " streams\n";
        std::_Exit(1);
      }
      std::this_thread::sleep_for(milliseconds(1));
    }
  }

  /// In the order of recstream_server.lifecycle; but not everybody waits.
  void stop_in_the_midst() {
    auto& front = world_.front();
    if (random_() % 4 != 0) front.drain();
    std::this_thread::sleep_for(milliseconds(random_() % 50));
    if (random_() % 4 != 0) front.close();
    if (random_() % 4 == 0) world_.close_queue();
    front.stop(milliseconds(random_() % 3 * 100));
    stopped_ = true;
  }

  std::mt19937 random_;
  const bool is_calm_;
  const Expected expected_;
  ServedWorld world_;
  std::atomic<bool> stopped_{false};
  std::vector<std::jthread> clients_;
};

void storm(std::chrono::seconds time, unsigned seed) {
  SmallModel model;
  const EchoServer behind;
  const NativeQueries queries(model.served(), query_limits());
  const auto request = reader_query();
  auto query = queries.read(Rpc::kRecommendItems, request);
  queries.answer({&query, 1});
  std::string reader_answer;
  queries.append(query, reader_answer);
  int rounds = 0;
  for (const auto end = Clock::now() + time; Clock::now() < end; ++rounds) {
    Round(model, behind, seed++, reader_answer).run();
  }
  std::cout << rounds << " fronts, " << model.engine().state_version() << " events\n";
}

}  // namespace
}  // namespace recstream::transport::stress

int main(int argc, char** argv) {
  const std::chrono::seconds time(argc > 1 ? std::atoi(argv[1]) : 10);
  recstream::transport::stress::storm(time, argc > 2 ? static_cast<unsigned>(std::atoi(argv[2])) : 1);
}
