#include "ir/plan/validator/structure.h"

namespace plimsoll::plan::validator {
namespace {

struct Body {
  int owner;
  int end;
};

}  // namespace

std::string ProgramView::Command(int index) const {
  return absl::StrCat(name, ": command ", index, " (", Quote(program.commands(index).node()), ")");
}

std::string ProgramView::Buffer(int index) const {
  return absl::StrCat(name, ": buffer ", index, " (", Quote(program.buffers(index).name()), ")");
}

int ProgramView::EnclosingLoop(int command) const {
  int at = parent[command];
  while (at >= 0 && !IsLoop(at)) at = parent[at];
  return at;
}

void BuildTree(ProgramView& view, Report& report) {
  view.parent.assign(view.count, -1);
  view.end.assign(view.count, 0);
  std::vector<Body> bodies;  // those that command i is in, innermost last; the else body below the then body
  std::vector<int> depth(view.count, 0);
  for (int i = 0; i < view.count && !report.full(); ++i) {
    while (!bodies.empty() && bodies.back().end <= i) bodies.pop_back();
    const int64_t limit = bodies.empty() ? view.count : bodies.back().end;
    view.parent[i] = bodies.empty() ? -1 : bodies.back().owner;
    depth[i] = bodies.empty() ? 0 : depth[view.parent[i]] + 1;
    view.end[i] = i + 1;
    const class Command& command = view.program.commands(i);
    if (!command.has_branch() && !command.has_loop()) continue;

    const int64_t first = command.has_branch() ? command.branch().then_commands() : command.loop().body_commands();
    const int64_t second = command.has_branch() ? command.branch().else_commands() : 0;
    if (first < 0 || second < 0 || i + 1 + first + second > limit) {
      report.Add(6, view.Command(i), ": bodies of ", first, " and ", second,
                 " commands; they must not be negative and must end with what they are in, at command ", limit);
      return;
    }
    if (depth[i] >= kMostNesting) {
      report.Add(6, view.Command(i), ": more than ", kMostNesting, " branches and loops in one another");
      return;
    }
    view.end[i] = static_cast<int>(i + 1 + first + second);
    if (second > 0) bodies.push_back({i, view.end[i]});
    if (first > 0) bodies.push_back({i, static_cast<int>(i + 1 + first)});
  }
}

}  // namespace plimsoll::plan::validator
