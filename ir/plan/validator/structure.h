// A program's commands as a tree: which are the bodies of which.
#pragma once

#include <string>
#include <vector>

#include "ir/plan/plan.pb.h"
#include "ir/plan/validator/report.h"

namespace plimsoll::plan::validator {

// More levels of branches and loops than any model has; keeps every walk over the enclosing ones short.
inline constexpr int kMostNesting = 64;

struct ProgramView {
  ProgramView(const Plan& plan, bool is_load)
      : plan(plan),
        program(is_load ? plan.load() : plan.run()),
        is_load(is_load),
        name(is_load ? "load" : "run"),
        count(program.commands_size()) {}

  const Plan& plan;
  const Program& program;
  const bool is_load;
  const std::string name;
  const int count;          // of commands
  std::vector<int> parent;  // of each command, the branch or loop it is in; -1: none
  std::vector<int> end;     // of each command, the first one after it and its bodies

  // "run: command 17 ('conv1')", "run: buffer 3 ('x')"
  std::string Command(int index) const;
  std::string Buffer(int index) const;

  // The first command of the branch's else body.
  int ElseBegin(int branch) const { return branch + 1 + program.commands(branch).branch().then_commands(); }
  // The innermost loop that the command is in; -1: none.
  int EnclosingLoop(int command) const;
  bool IsLoop(int index) const { return program.commands(index).has_loop(); }
  // The commands [first, last) at which a buffer is alive; [0, 1) in a program without commands.
  int First(const plan::Buffer& buffer) const { return count == 0 ? 0 : buffer.first(); }
  int Last(const plan::Buffer& buffer) const { return count == 0 ? 1 : buffer.last(); }
  // Whether its arena is one of the host.
  bool OnHost(const plan::Buffer& buffer) const {
    return !buffer.has_weight() && plan.arenas(buffer.arena()).space() == Arena::HOST;
  }
};

// Fills parent and end; [P6] where bodies do not nest.
void BuildTree(ProgramView& view, Report& report);

}  // namespace plimsoll::plan::validator
