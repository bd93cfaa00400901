// For the tests of the validator: programs on several streams, and the order that streams and events give them.
#pragma once

#include <array>
#include <functional>
#include <random>
#include <vector>

#include "ir/plan/plan.pb.h"

namespace plimsoll::plan::testing {

class Random {
 public:
  explicit Random(int seed) : engine_(seed) {}
  int operator()(int below) { return static_cast<int>(engine_() % static_cast<uint32_t>(below)); }

 private:
  std::mt19937 engine_;
};

// So many commands on three streams: records of two events, waits for those that were recorded, and what `fill` makes
// of the others.
inline void AddOnRandomStreams(Random& random, int count, Program& program, const std::function<void(Command*)>& fill) {
  program.set_streams(3);
  program.set_events(2);
  std::array<bool, 2> recorded = {};
  for (int c = 0; c < count; ++c) {
    Command* command = program.add_commands();
    command->set_stream(random(3));
    const int event = random(2), kind = random(4);
    if (kind == 0) {
      command->mutable_event_record()->set_event(event);
      recorded[event] = true;
    } else if (kind == 1 && recorded[event]) {
      command->mutable_event_wait()->set_event(event);
    } else {
      fill(command);
    }
  }
}

// All commands that must be done before each, by the order of streams and events.
inline std::vector<std::vector<bool>> Predecessors(const Program& program) {
  const int count = program.commands_size();
  std::vector<std::vector<bool>> before(count, std::vector<bool>(count));
  for (int c = 0; c < count; ++c) {
    const auto after = [&](int earlier) {
      before[c][earlier] = true;
      for (int k = 0; k < count; ++k) before[c][k] = before[c][k] || before[earlier][k];
    };
    for (int e = 0; e < c; ++e) {
      if (program.commands(e).stream() == program.commands(c).stream()) after(e);
    }
    if (!program.commands(c).has_event_wait()) continue;
    for (int e = c - 1; e >= 0; --e) {
      const Command& record = program.commands(e);
      if (!record.has_event_record() || record.event_record().event() != program.commands(c).event_wait().event())
        continue;
      after(e);
      break;
    }
  }
  return before;
}

}  // namespace plimsoll::plan::testing
