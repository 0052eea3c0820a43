// Puts load on a gRPC server from one thread, and measures it: what benchmarks.serving drives every contender with.
//
// A C++ server answers more calls a second than a client in Python can send, and gRPC's own client in C++ costs as much
// as the server does. `benchmarks/serving/driver.py` knows the options and reads what is printed.

#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <iostream>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <unordered_map>
#include <vector>

#include "connection.h"
#include "script.h"

namespace serving {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kPatience = 5 * kSecond;
constexpr std::int64_t kPause = kSecond / 50;

std::int64_t now_ns() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * kSecond + time.tv_nsec;
}

double own_cpu_s() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

/// Processor time of another process and all its threads, to the tick of the kernel.
double cpu_s_of(int process) {
  std::ifstream file("/proc/" + std::to_string(process) + "/stat");
  const std::string line{std::istreambuf_iterator<char>(file), {}};
  const std::size_t name = line.rfind(')');
  if (name == std::string::npos) return 0;
  std::istringstream fields(line.substr(name + 1));
  std::string skipped;
  for (int field = 0; field < 11; ++field) fields >> skipped;
  double user = 0, system = 0;
  fields >> user >> system;
  return (user + system) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

struct Options {
  std::string host = "127.0.0.1", script, path, event_path, out;
  int port = 0, connections = 1, streams = 0, concurrency = 1, process = 0;
  std::size_t items = 0;
  double seconds = 2, warmup = 0.5, rate = 0;
  Wrapping wrapping = Wrapping::kNone;
};

/// A message that is to be answered.
struct Expected {
  std::int64_t due;
  Kind kind;
  bool query;
};

struct Stream {
  int connection = 0;
  std::uint32_t id = 0;
  std::deque<Expected> expected;
  std::int64_t acknowledged = 0;
};

/// One run: closed loop, or open loop at a rate; calls, or messages on streams that stay open.
class Run : public Listener {
 public:
  explicit Run(const Options& options) : options_(options), script_(read_script(options.script)) {
    for (int number = 0; number < options.connections; ++number) {
      connections_.push_back(std::make_unique<Connection>(number, options.host, options.port, *this));
    }
    streams_.resize(static_cast<std::size_t>(options.streams));
    for (std::size_t place = 0; place < streams_.size(); ++place) {
      streams_[place].connection = static_cast<int>(place % connections_.size());
    }
  }

  void run() {
    const std::int64_t start = now_ns();
    measured_from_ = start + static_cast<std::int64_t>(options_.warmup * kSecond);
    until_ = measured_from_ + static_cast<std::int64_t>(options_.seconds * kSecond);
    if (options_.rate == 0) {
      for (int number = 0; number < options_.concurrency; ++number) begin(now_ns());
    }
    bool measuring = false;
    for (std::int64_t now = start; now < until_; now = now_ns()) {
      if (!measuring && now >= measured_from_) {
        measuring = true;
        server_cpu_s_ = -cpu_s_of(options_.process);
        client_cpu_s_ = -own_cpu_s();
      }
      begin_due(start, now);
      wait(next_due(start, measuring ? until_ : measured_from_) - now_ns());
    }
    server_cpu_s_ += cpu_s_of(options_.process);
    client_cpu_s_ += own_cpu_s();
    const std::int64_t last = now_ns() + kPatience;
    while (under_way_ > 0 && now_ns() < last) wait(kSecond / 100);
    if (under_way_ > 0) problems_["no answer within 5 s of the end"] += under_way_;
  }

  void report() const {
    std::cout << "{\"answered\": " << answered_ << ", \"server_cpu_s\": " << server_cpu_s_
              << ", \"client_cpu_s\": " << client_cpu_s_ << ", \"problems\": {";
    const char* comma = "";
    for (const auto& [problem, count] : problems_) {
      std::cout << comma << '"' << problem << "\": " << count;
      comma = ", ";
    }
    std::cout << "}, \"pauses\": [";
    comma = "";
    for (const auto& [due, answered] : pauses_) {
      std::cout << comma << '[' << due << ", " << answered << ']';
      comma = ", ";
    }
    std::cout << "]}\n";
    for (const auto& [name, values] : latencies_us_) {
      std::ofstream file(options_.out + "." + name, std::ios::binary);
      file.write(reinterpret_cast<const char*>(values.data()),
                 static_cast<std::streamsize>(values.size() * sizeof(float)));
    }
  }

  void on_message(int connection, std::uint32_t id, std::string_view message) override {
    const auto found = calls_.find(key(connection, id));
    if (found == calls_.end()) return;
    Stream& stream = options_.streams ? streams_[found->second.place] : found->second.call;
    if (stream.expected.empty()) {
      ++problems_["an answer too many"];
      return;
    }
    const Expected expected = stream.expected.front();
    stream.expected.pop_front();
    const Answer answer = read_answer(options_.wrapping, expected.query, message);
    take(stream, expected, answer);
  }

  void on_end(int connection, std::uint32_t id, const std::string& problem) override {
    const auto found = calls_.find(key(connection, id));
    if (found == calls_.end()) return;
    Stream call = options_.streams ? std::move(streams_[found->second.place]) : std::move(found->second.call);
    if (options_.streams) {
      streams_[found->second.place] = Stream();
      streams_[found->second.place].connection = connection;
    }
    calls_.erase(found);
    for (const Expected& expected : call.expected) {
      ++problems_[problem.empty() ? "a call without an answer" : problem];
      if (expected.kind != Kind::kPair || expected.query) finished();
    }
    // Counted when the call is over, as its status is part of the answer.
    if (!options_.streams && call.expected.empty()) {
      if (!problem.empty()) ++problems_[problem];
      finished();
    }
  }

 private:
  struct Place {
    std::size_t place = 0;
    Stream call;
  };

  static std::uint64_t key(int connection, std::uint32_t id) {
    return static_cast<std::uint64_t>(connection) << 32 | id;
  }

  void take(Stream& stream, const Expected& expected, const Answer& answer) {
    const std::int64_t now = now_ns();
    if (answer.failed) {
      ++problems_["an error as an answer"];
    } else if (expected.query && answer.items != options_.items) {
      ++problems_["an answer has " + std::to_string(answer.items) + " items, not " + std::to_string(options_.items)];
    } else if (!expected.query && answer.version <= 0) {
      ++problems_["an acknowledgement without a state version"];
    } else if (expected.query && expected.kind == Kind::kPair && answer.version < stream.acknowledged) {
      ++problems_["an answer without the event before it"];
    } else if (expected.due >= measured_from_) {
      const char* name = !expected.query ? "event" : expected.kind == Kind::kPair ? "visible" : "query";
      latencies_us_[name].push_back(static_cast<float>(now - expected.due) / 1e3F);
      if (expected.query && now - expected.due > kPause) pauses_.push_back({expected.due, now});
    }
    if (!expected.query) stream.acknowledged = answer.version;
    const bool whole = expected.kind != Kind::kPair || expected.query;
    if (whole && now >= measured_from_ && now < until_) ++answered_;
    if (whole && options_.streams) finished();
  }

  void finished() {
    --under_way_;
    if (options_.rate == 0 && now_ns() < until_) begin(now_ns());
  }

  void begin(std::int64_t due) {
    const Entry& entry = script_[next_entry_++ % script_.size()];
    ++under_way_;
    if (options_.streams) {
      begin_on_stream(entry, due);
    } else {
      begin_call(entry, due);
    }
  }

  void begin_call(const Entry& entry, std::int64_t due) {
    const int connection = static_cast<int>(turn_++ % connections_.size());
    const bool query = entry.kind == Kind::kQuery;
    Place place;
    place.call.expected.push_back({due, entry.kind, query});
    const std::string& path = query ? options_.path : options_.event_path;
    const std::uint32_t id = connections_[static_cast<std::size_t>(connection)]->start(path, entry.first, true);
    calls_.emplace(key(connection, id), std::move(place));
  }

  void begin_on_stream(const Entry& entry, std::int64_t due) {
    const std::size_t place = turn_++ % streams_.size();
    Stream& stream = streams_[place];
    Connection& connection = *connections_[static_cast<std::size_t>(stream.connection)];
    stream.expected.push_back({due, entry.kind, entry.kind == Kind::kQuery});
    if (stream.id == 0) {
      stream.id = connection.start(options_.path, entry.first, false);
      calls_[key(stream.connection, stream.id)].place = place;
    } else {
      connection.send(stream.id, entry.first);
    }
    if (entry.kind == Kind::kPair) {
      stream.expected.push_back({due, entry.kind, true});
      connection.send(stream.id, entry.second);
    }
  }

  std::int64_t due_at(std::int64_t start, std::int64_t number) const {
    return start + static_cast<std::int64_t>(static_cast<double>(number) * kSecond / options_.rate);
  }

  /// A few at a time: answers have to be read in between.
  void begin_due(std::int64_t start, std::int64_t now) {
    if (options_.rate == 0) return;
    for (int burst = 0; burst < 16 && due_at(start, arrivals_) <= now; ++burst) begin(due_at(start, arrivals_++));
  }

  std::int64_t next_due(std::int64_t start, std::int64_t otherwise) const {
    return options_.rate == 0 ? otherwise : std::min(otherwise, due_at(start, arrivals_));
  }

  void wait(std::int64_t most_ns) {
    polled_.clear();
    for (const auto& connection : connections_) {
      connection->flush();
      polled_.push_back(
          {connection->descriptor(), static_cast<short>(POLLIN | (connection->unsent() ? POLLOUT : 0)), 0});
    }
    most_ns = std::max<std::int64_t>(most_ns, 0);
    const timespec time{most_ns / kSecond, most_ns % kSecond};
    if (ppoll(polled_.data(), polled_.size(), &time, nullptr) <= 0) return;
    for (std::size_t number = 0; number < polled_.size(); ++number) {
      if ((polled_[number].revents & ~POLLOUT) && !connections_[number]->receive()) {
        throw std::runtime_error("the server closed the connection");
      }
    }
  }

  const Options options_;
  const std::vector<Entry> script_;
  std::vector<std::unique_ptr<Connection>> connections_;
  std::vector<Stream> streams_;
  std::unordered_map<std::uint64_t, Place> calls_;
  std::vector<pollfd> polled_;
  std::map<std::string, std::vector<float>> latencies_us_;
  std::map<std::string, std::int64_t> problems_;
  /// When the queries that took over 20 ms were due, and answered.
  std::vector<std::pair<std::int64_t, std::int64_t>> pauses_;
  std::size_t next_entry_ = 0, turn_ = 0;
  std::int64_t arrivals_ = 0, under_way_ = 0, answered_ = 0, measured_from_ = 0, until_ = 0;
  double server_cpu_s_ = 0, client_cpu_s_ = 0;
};

Options parse(int count, char** arguments) {
  std::map<std::string, std::string> given;
  for (int at = 1; at + 1 < count; at += 2) given[arguments[at]] = arguments[at + 1];
  Options options;
  const auto number = [&given](const char* name, double otherwise) {
    return given.contains(name) ? std::stod(given[name]) : otherwise;
  };
  options.script = given["--script"];
  options.path = given["--path"];
  options.event_path = given["--event-path"];
  options.out = given["--out"];
  options.port = static_cast<int>(number("--port", 0));
  options.connections = static_cast<int>(number("--connections", 1));
  options.streams = static_cast<int>(number("--streams", 0));
  options.concurrency = static_cast<int>(number("--concurrency", 1));
  options.process = static_cast<int>(number("--process", 0));
  options.items = static_cast<std::size_t>(number("--items", 10));
  options.seconds = number("--seconds", 2);
  options.warmup = number("--warmup", 0.5);
  options.rate = number("--rate", 0);
  if (options.streams) {
    const bool writes = options.path.ends_with("StreamingWriteUserEvents");
    options.wrapping = writes ? Wrapping::kWriteStream : Wrapping::kRecommendStream;
  }
  return options;
}

}  // namespace
}  // namespace serving

int main(int count, char** arguments) {
  prctl(PR_SET_TIMERSLACK, 1);
  try {
    serving::Run run(serving::parse(count, arguments));
    run.run();
    run.report();
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
}
