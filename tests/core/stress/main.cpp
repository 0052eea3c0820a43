// recstream_stress [SECONDS]: runs each stress for so long. Silent and 0 when every answer was right.
#include <chrono>
#include <cstdlib>

#include "stress.h"

int main(int argc, char** argv) {
  using recstream::stress::Clock;
  const std::chrono::seconds time(argc > 1 ? std::atoi(argv[1]) : 10);
  recstream::stress::stress_index(Clock::now() + time);
  recstream::stress::stress_shared_scan(Clock::now() + time);
  recstream::stress::stress_engine(Clock::now() + time);
}
