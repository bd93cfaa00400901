// The validator against brute force: random small programs whose bytes, orders and ways are enumerated one by one. And
// its time on large ones.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <vector>

#include "ir/plan/certificate.h"
#include "ir/plan/testing/random_streams.h"
#include "ir/plan/testing/sample_plan.h"
#include "ir/plan/validator.h"

namespace plimsoll::plan {
namespace {

using testing::AddBuffer;
using testing::AddOnRandomStreams;
using testing::AddOperand;
using testing::Predecessors;
using testing::Random;

Plan EmptyPlan(int64_t session_bytes) {
  Plan plan;
  plan.set_version(FORMAT_VERSION_CURRENT);
  Code* code = plan.add_code();
  code->set_member("code/k.so");
  code->add_symbols("f");
  Arena* arena = plan.add_arenas();
  arena->set_scope(Arena::SESSION);
  arena->set_size_bytes(session_bytes);
  arena->set_alignment(64);
  return plan;
}

const MemberInfo& Members() {
  static const MemberInfo* members = new MemberInfo{{{"code/k.so", 1}}};
  return *members;
}

bool Finds(const Plan& plan, int constraint, std::string* all = nullptr) {
  bool found = false;
  for (const Violation& v : FindViolations(plan, Members())) {
    found |= v.constraint == constraint;
    if (all != nullptr) *all += "[P" + std::to_string(v.constraint) + "] " + v.message + "\n";
  }
  return found;
}

TEST(ValidatorRandomTest, P2AgreesWithComparingAllPairs) {
  int valid = 0;
  for (int seed = 0; seed < 3000; ++seed) {
    Random random(seed);
    Plan plan = EmptyPlan(64);
    const int commands = 8, buffers = 2 + random(8);
    for (int c = 0; c < commands; ++c) plan.mutable_run()->add_commands()->mutable_launch()->set_symbol("f");
    for (int b = 0; b < buffers; ++b) {
      const int first = random(commands), size = random(20);
      AddBuffer(plan.mutable_run(), "b", 0, random(64 - size), size, first, first + random(commands - first + 1));
    }
    bool overlap = false;
    const auto& all = plan.run().buffers();
    for (int a = 0; a < buffers; ++a) {
      for (int b = 0; b < a; ++b) {
        overlap |= std::max(all[a].first(), all[b].first()) < std::min(all[a].last(), all[b].last()) &&
                   std::max(all[a].offset(), all[b].offset()) <
                       std::min(all[a].offset() + all[a].size_bytes(), all[b].offset() + all[b].size_bytes());
      }
    }
    *plan.mutable_certificate() = ComputeCertificate(plan);
    std::string found;
    EXPECT_EQ(Finds(plan, 2, &found), overlap) << "seed " << seed << "\n" << found;
    // The two ways to compute a certificate agree wherever nothing overlaps.
    if (!overlap) EXPECT_EQ(found, "") << "seed " << seed;
    valid += !overlap;
  }
  EXPECT_GT(valid, 300);
}

TEST(ValidatorRandomTest, P3StreamsAgreeWithComparingAllPairs) {
  int valid = 0, invalid = 0;
  for (int seed = 0; seed < 4000; ++seed) {
    Random random(seed);
    Plan plan = EmptyPlan(64);
    Program& run = *plan.mutable_run();
    const int commands = 4 + random(10);
    AddBuffer(&run, "x", 0, 0, 64, 0, commands);
    Binding* x = plan.mutable_signature()->add_outputs();
    x->set_name("x");
    x->mutable_type()->set_dtype(U8);
    x->mutable_type()->add_dims(64);
    AddOnRandomStreams(random, commands, run, [&](Command* command) {
      command->mutable_launch()->set_symbol("f");
      const int length = 1 + random(30);
      AddOperand(command, 0, random(64 - length), length, random(2) == 0 ? Operand::WRITE : Operand::READ);
    });
    // Everything is written first, so that only the order can be wrong: an input may not be written, hence a command.
    const auto before = Predecessors(run);
    bool unordered = false;
    for (int a = 0; a < commands; ++a) {
      for (int b = a + 1; b < commands; ++b) {
        if (run.commands(a).operands_size() == 0 || run.commands(b).operands_size() == 0 || before[b][a]) continue;
        const Operand &p = run.commands(a).operands(0), &q = run.commands(b).operands(0);
        unordered |= (p.access() == Operand::WRITE || q.access() == Operand::WRITE) &&
                     std::max(p.offset(), q.offset()) < std::min(p.offset() + p.length(), q.offset() + q.length());
      }
    }
    bool found = false;
    for (const Violation& v : FindViolations(plan, Members())) {
      found |= v.constraint == 3 && v.message.find("no event orders them") != std::string::npos;
    }
    EXPECT_EQ(found, unordered) << "seed " << seed << "\n" << run.DebugString();
    (unordered ? invalid : valid)++;
  }
  EXPECT_GT(valid, 200);
  EXPECT_GT(invalid, 200);
}

// A random program of nested branches and loops over one buffer of 16 bytes.
void Grow(Random& random, int depth, int size, Program& run) {
  while (size > 0) {
    const int at = run.commands_size();
    Command* command = run.add_commands();
    const int kind = depth < 3 && size > 2 ? random(5) : 4;
    --size;
    if (kind == 0) {
      AddOperand(command, 1, 0, 1, Operand::READ);
      const int then_size = random(size), else_size = random(size - then_size + 1);
      command->mutable_branch()->set_then_commands(then_size);
      command->mutable_branch()->set_else_commands(else_size);
      Grow(random, depth + 1, then_size, run);
      Grow(random, depth + 1, else_size, run);
      size -= then_size + else_size;
    } else if (kind == 1) {
      Loop* loop = command->mutable_loop();
      const int body = random(size + 1);
      loop->set_body_commands(body);
      loop->set_max_trips(random(3));
      loop->set_has_condition(random(2) == 0);
      if (loop->has_condition()) AddOperand(command, 1, 0, 1, Operand::READ);
      Grow(random, depth + 1, body, run);
      size -= body;
    } else {
      command->mutable_launch()->set_symbol("f");
      const int length = 1 + random(8);
      AddOperand(run.mutable_commands(at), 0, random(17 - length), length,
                 random(3) == 0 ? Operand::READ : Operand::WRITE);
    }
  }
}

// Runs [begin, end) in every possible way from each of the states (sets of written bytes), and says whether a byte is
// read in one of them that is not written.
using States = std::vector<uint32_t>;
void Normalize(States& states) {
  std::sort(states.begin(), states.end());
  states.erase(std::unique(states.begin(), states.end()), states.end());
}

States RunAllWays(const Program& run, int begin, int end, States states, bool& bad) {
  for (int c = begin; c < end; ++c) {
    const Command& command = run.commands(c);
    if (command.has_branch()) {
      const int else_begin = c + 1 + command.branch().then_commands();
      const int after = else_begin + command.branch().else_commands();
      States both = RunAllWays(run, c + 1, else_begin, states, bad);
      const States other = RunAllWays(run, else_begin, after, states, bad);
      both.insert(both.end(), other.begin(), other.end());
      Normalize(both);
      states = both;
      c = after - 1;
    } else if (command.has_loop()) {
      const int after = c + 1 + command.loop().body_commands();
      const bool maybe = command.loop().has_condition();
      States result = maybe || command.loop().max_trips() == 0 ? states : States();
      for (int trip = 0; trip < command.loop().max_trips(); ++trip) {
        states = RunAllWays(run, c + 1, after, states, bad);
        if (maybe || trip + 1 == command.loop().max_trips()) result.insert(result.end(), states.begin(), states.end());
      }
      Normalize(result);
      states = result;
      c = after - 1;
    } else {
      for (const Operand& operand : command.operands()) {
        const uint32_t bytes = ((1u << operand.length()) - 1) << operand.offset();
        for (uint32_t& state : states) {
          if (operand.access() == Operand::READ) bad |= (state & bytes) != bytes;
          if (operand.access() == Operand::WRITE) state |= bytes;
        }
      }
    }
  }
  return states;
}

// Whether a command of a loop that runs no iteration reads: no way gets there, and the validator, which does not look
// for dead commands, may refuse it.
bool HasDeadLoop(const Program& run) {
  return std::any_of(run.commands().begin(), run.commands().end(),
                     [](const Command& c) { return c.has_loop() && c.loop().max_trips() == 0; });
}

TEST(ValidatorRandomTest, P3WrittenAgreesWithRunningAllWays) {
  int valid = 0, invalid = 0;
  for (int seed = 0; seed < 6000; ++seed) {
    Random random(seed);
    Plan plan = EmptyPlan(64);
    Program& run = *plan.mutable_run();
    const int commands = 1 + random(14);
    AddBuffer(&run, "bytes", 0, 0, 16, 0, commands);
    AddBuffer(&run, "condition", 0, 32, 1, 0, commands);
    Binding* condition = plan.mutable_signature()->add_inputs();
    condition->set_name("condition");
    condition->mutable_type()->set_dtype(BOOL);
    condition->set_buffer(1);
    Grow(random, 0, commands, run);
    if (HasDeadLoop(run)) continue;
    *plan.mutable_certificate() = ComputeCertificate(plan);
    bool bad = false;
    // Bodies that are reached in no way do not occur: every body can be.
    RunAllWays(run, 0, commands, {0}, bad);
    std::string found;
    EXPECT_EQ(Finds(plan, 3, &found), bad) << "seed " << seed << "\n" << found << run.DebugString();
    if (!bad) EXPECT_EQ(found, "");
    (bad ? invalid : valid)++;
  }
  EXPECT_GT(valid, 200);
  EXPECT_GT(invalid, 200);
}

TEST(ValidatorRandomTest, LargePlansTakeNearLinearTime) {
  constexpr int kCommands = 100000;
  Plan plan = EmptyPlan(int64_t{1} << 30);
  Program& run = *plan.mutable_run();
  run.set_streams(1);
  // A chain whose results live for 20 commands in 64 places, one in 8 in place of the one before.
  for (int c = 0; c < kCommands; ++c) {
    const bool in_place = c % 8 == 7;
    Buffer* buffer = AddBuffer(&run, "t", 0, ((in_place ? c - 1 : c) % 64) * 4096, 4096, c,
                               c % 8 == 6 ? c + 2 : std::min(c + 20, kCommands));
    if (in_place) buffer->set_in_place_of(c - 1);
    Command* command = run.add_commands();
    command->mutable_launch()->set_symbol("f");
    if (c > 0) AddOperand(command, c - 1, 0, 4096, Operand::READ);
    AddOperand(command, c, 0, 4096, Operand::WRITE);
  }
  run.mutable_buffers(kCommands - 1)->set_last(kCommands);
  const auto start = std::chrono::steady_clock::now();
  *plan.mutable_certificate() = ComputeCertificate(plan);
  std::string found;
  Finds(plan, 0, &found);
  EXPECT_EQ(found, "");
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  RecordProperty("milliseconds", static_cast<int>(1000 * seconds));
  EXPECT_LT(seconds, 20) << "far beyond near-linear time, even on a slow machine with sanitizers";
}

// Shapes that make careless checks quadratic.
TEST(ValidatorRandomTest, HostilePlansTakeBoundedTime) {
  constexpr int kCount = 30000;
  const auto start = std::chrono::steady_clock::now();
  for (const int streams : {1, 2}) {
    // Even bytes are written one by one, then the whole is read or written again and again.
    Plan plan = EmptyPlan(int64_t{4} * kCount);
    Program& run = *plan.mutable_run();
    run.set_streams(streams);
    AddBuffer(&run, "x", 0, 0, 4 * kCount, 0, 2 * kCount);
    for (int i = 0; i < kCount; ++i) {
      Command* command = run.add_commands();
      command->mutable_launch()->set_symbol("f");
      AddOperand(command, 0, 4 * i, 1, streams > 1 ? Operand::READ : Operand::WRITE);
    }
    for (int i = 0; i < kCount; ++i) {
      Command* command = run.add_commands();
      if (streams == 1 && i % 2 == 0) {
        AddOperand(command, 0, 0, 1, Operand::READ);
        command->mutable_branch()->set_then_commands(1);
        continue;
      }
      command->mutable_launch()->set_symbol("f");
      AddOperand(command, 0, 0, 4 * kCount, streams > 1 ? Operand::READ : Operand::WRITE);
    }
    if (streams > 1) run.mutable_commands(2 * kCount - 1)->set_stream(1);
    Finds(plan, 0);
  }
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  EXPECT_LT(seconds, 120);
  RecordProperty("milliseconds", static_cast<int>(1000 * seconds));
}

}  // namespace
}  // namespace plimsoll::plan
