// plimsoll solve allocation|ordering PROBLEM: the bare solvers on files.
#include <chrono>
#include <cstdio>
#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "passes/memory/csv_io.h"
#include "passes/memory/solver.h"
#include "passes/memory/validator.h"
#include "passes/schedule/json.h"
#include "passes/schedule/solver.h"
#include "passes/schedule/validator.h"
#include "tools/plimsoll/command.h"
#include "tools/plimsoll/text.h"
#include "tools/plimsoll/write_file.h"

namespace plimsoll::cli {
namespace {

struct SolveFlags {
  std::string problem, output, capacity;
  double seconds = 0;
  int64_t steps = 0;
};

class Timer {
 public:
  double Seconds() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count(); }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

double Gap(int64_t value, int64_t bound) {
  return bound > 0 ? static_cast<double>(value - bound) / static_cast<double>(bound) : 0;
}

Outcome SolveAllocation(const SolveFlags& flags, bool json) {
  Outcome outcome;
  auto problem = memory::ReadCsv(flags.problem);
  if (!problem.ok()) return {problem.status()};
  memory::Options options;
  if (flags.seconds > 0) options.seconds = flags.seconds;
  if (flags.steps > 0) options.max_steps = flags.steps;
  if (!flags.capacity.empty()) {
    auto capacity = ParseBytes(flags.capacity);
    if (!capacity.ok()) return {capacity.status()};
    problem->problem.capacity = *capacity;
  }
  Timer timer;
  auto solution = memory::Solve(problem->problem, options);
  outcome.json["seconds"] = timer.Seconds();
  outcome.json["buffers"] = problem->problem.buffers.size();
  if (!solution.ok()) {
    outcome.json["proven_infeasible"] = absl::IsResourceExhausted(solution.status());
    outcome.status = solution.status();
    return outcome;
  }
  outcome.status = memory::Validate(problem->problem, *solution);
  if (!outcome.status.ok()) return {absl::InternalError(absl::StrCat("the solver's own answer is wrong: ", outcome.status.message()))};
  outcome.json["arena_bytes"] = solution->arena_size;
  outcome.json["lower_bound_bytes"] = solution->lower_bound;
  outcome.json["gap"] = Gap(solution->arena_size, solution->lower_bound);
  outcome.json["proven_optimal"] = solution->proven_optimal;
  outcome.json["steps"] = solution->steps;
  if (!flags.output.empty()) outcome.status = memory::WriteCsv(flags.output, *problem, *solution);
  if (!json && outcome.status.ok()) {
    std::printf("arena        %lld bytes (%s)\nlower bound  %lld bytes, gap %.4f%%%s\ntime         %s\n",
                static_cast<long long>(solution->arena_size), FormatBytes(solution->arena_size).c_str(),
                static_cast<long long>(solution->lower_bound), 100 * Gap(solution->arena_size, solution->lower_bound),
                solution->proven_optimal ? ", proven optimal" : "", FormatSeconds(timer.Seconds()).c_str());
  }
  return outcome;
}

Outcome SolveOrdering(const SolveFlags& flags, bool json) {
  Outcome outcome;
  std::ifstream stream(flags.problem, std::ios::binary);
  if (!stream) return {absl::NotFoundError(absl::StrCat(flags.problem, ": cannot be opened"))};
  std::ostringstream text;
  text << stream.rdbuf();
  auto problem = schedule::ReadProblem(text.str());
  if (!problem.ok()) return {absl::Status(problem.status().code(), absl::StrCat(flags.problem, ": ", problem.status().message()))};
  schedule::Options options;
  if (flags.seconds > 0) options.seconds = flags.seconds;
  if (flags.steps > 0) options.max_steps = flags.steps;
  Timer timer;
  auto solution = schedule::Solve(problem->problem, options);
  if (!solution.ok()) return {solution.status()};
  outcome.json["seconds"] = timer.Seconds();
  outcome.status = schedule::Validate(problem->problem, *solution);
  if (!outcome.status.ok()) return {absl::InternalError(absl::StrCat("the solver's own answer is wrong: ", outcome.status.message()))};
  outcome.json["peak"] = solution->peak;
  outcome.json["lower_bound"] = solution->lower_bound;
  outcome.json["gap"] = Gap(solution->peak, solution->lower_bound);
  outcome.json["proven_optimal"] = solution->proven_optimal;
  if (!flags.output.empty()) outcome.status = WriteFile(flags.output, schedule::WriteSolution(*problem, *solution));
  if (!json && outcome.status.ok()) {
    std::printf("peak         %lld bytes (%s)\nlower bound  %lld bytes, gap %.4f%%%s\ntime         %s\n",
                static_cast<long long>(solution->peak), FormatBytes(solution->peak).c_str(),
                static_cast<long long>(solution->lower_bound), 100 * Gap(solution->peak, solution->lower_bound),
                solution->proven_optimal ? ", proven optimal" : "", FormatSeconds(timer.Seconds()).c_str());
  }
  return outcome;
}

}  // namespace

void AddSolve(CLI::App& app, Chosen& chosen) {
  auto* command = app.add_subcommand("solve", "The bare solvers on files");
  command->require_subcommand(1);
  using Solver = Outcome (*)(const SolveFlags&, bool);
  auto add = [&](const char* name, const char* help, Solver solver, bool has_capacity) {
    auto* sub = command->add_subcommand(name, help);
    auto flags = std::make_shared<SolveFlags>();
    sub->add_option("PROBLEM", flags->problem, "The problem's file")->required();
    sub->add_option("-o,--output", flags->output, "Where the solution goes");
    if (has_capacity) sub->add_option("--capacity", flags->capacity, "Stops at the first solution within these bytes (default: minimizes)");
    sub->add_option("--seconds", flags->seconds, "Limit on the wall clock (default: a limit in steps, so that results repeat)")->check(CLI::PositiveNumber);
    sub->add_option("--steps", flags->steps, "Limit in steps of the search")->check(CLI::PositiveNumber);
    AddJson(*sub, chosen);
    sub->callback([=, &chosen] { chosen.run = [=, &chosen] { return solver(*flags, chosen.json); }; });
  };
  add("allocation", "Places buffers with fixed live intervals in an arena: CSV id,lower,upper,size[,alignment]", SolveAllocation, true);
  add("ordering", "Finds an order of least peak memory: JSON with nodes, tensors and outputs", SolveOrdering, false);
}

}  // namespace plimsoll::cli
