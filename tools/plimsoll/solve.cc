// plimsoll solve allocation|ordering PROBLEM: the bare solvers on files.
#include "tools/plimsoll/solve.h"

#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"

namespace plimsoll::cli {

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  if (!stream) return absl::NotFoundError(absl::StrCat(path, ": cannot be opened"));
  std::ostringstream text;
  text << stream.rdbuf();
  if (stream.bad()) return absl::DataLossError(absl::StrCat(path, ": cannot be read"));
  return text.str();
}

void AddSolve(CLI::App& app, Chosen& chosen) {
  auto* command = app.add_subcommand("solve", "The bare solvers on files");
  command->require_subcommand(1);
  using Solver = Outcome (*)(const SolveFlags&, bool);
  auto add = [&](const char* name, const char* help, Solver solver, bool has_capacity) {
    auto* sub = command->add_subcommand(name, help);
    auto flags = std::make_shared<SolveFlags>();
    sub->add_option("PROBLEM", flags->problem, "The problem's file")->required();
    sub->add_option("-o,--output", flags->output, "Where the solution goes");
    if (has_capacity)
      sub->add_option("--capacity", flags->capacity,
                      "Stops at the first solution within these bytes (default: minimizes)");
    sub->add_option("--seconds", flags->seconds,
                    "Limit on the wall clock (default: a limit in steps, so that results repeat)")
        ->check(CLI::PositiveNumber);
    sub->add_option("--steps", flags->steps, "Limit in steps of the search")->check(CLI::PositiveNumber);
    AddJson(*sub, chosen);
    sub->callback([=, &chosen] { chosen.run = [=, &chosen] { return solver(*flags, chosen.json); }; });
  };
  add("allocation", "Places buffers with fixed live intervals in an arena: CSV id,lower,upper,size[,alignment]",
      SolveAllocation, true);
  add("ordering", "Finds an order of least peak memory: JSON with nodes, tensors and outputs", SolveOrdering, false);
}

}  // namespace plimsoll::cli
