// plimsoll solve allocation PROBLEM.csv
#include <cstdio>

#include "absl/strings/str_cat.h"
#include "passes/memory/csv_io.h"
#include "passes/memory/page.h"
#include "passes/memory/solver.h"
#include "passes/memory/validator.h"
#include "tools/plimsoll/solve.h"
#include "tools/plimsoll/text.h"
#include "tools/plimsoll/write_file.h"

namespace plimsoll::cli {

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
  if (!outcome.status.ok())
    return {absl::InternalError(absl::StrCat("the solver's own answer is wrong: ", outcome.status.message()))};
  outcome.json["arena_bytes"] = solution->arena_size;
  outcome.json["lower_bound_bytes"] = solution->lower_bound;
  outcome.json["gap"] = Gap(solution->arena_size, solution->lower_bound);
  outcome.json["proven_optimal"] = solution->proven_optimal;
  outcome.json["steps"] = solution->steps;
  if (!flags.output.empty()) outcome.status = memory::WriteCsv(flags.output, *problem, *solution);
  if (!flags.html.empty() && outcome.status.ok())
    outcome.status = WriteFile(flags.html, memory::Page(*problem, *solution));
  if (!json && outcome.status.ok()) {
    std::printf("arena        %lld bytes (%s)\nlower bound  %lld bytes, gap %.4f%%%s\ntime         %s\n",
                static_cast<long long>(solution->arena_size), FormatBytes(solution->arena_size).c_str(),
                static_cast<long long>(solution->lower_bound), 100 * Gap(solution->arena_size, solution->lower_bound),
                solution->proven_optimal ? ", proven optimal" : "", FormatSeconds(timer.Seconds()).c_str());
  }
  return outcome;
}

}  // namespace plimsoll::cli
