// plimsoll solve ordering PROBLEM.json
#include <cstdio>
#include <numeric>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "passes/schedule/graph.h"
#include "passes/schedule/greedy.h"
#include "passes/schedule/json.h"
#include "passes/schedule/page.h"
#include "passes/schedule/solver.h"
#include "passes/schedule/validator.h"
#include "tools/plimsoll/solve.h"
#include "tools/plimsoll/text.h"
#include "tools/plimsoll/write_file.h"

namespace plimsoll::cli {

Outcome SolveOrdering(const SolveFlags& flags, bool json) {
  Outcome outcome;
  auto text = ReadFile(flags.problem);
  if (!text.ok()) return {text.status()};
  auto problem = schedule::ReadProblem(*text);
  if (!problem.ok())
    return {absl::Status(problem.status().code(), absl::StrCat(flags.problem, ": ", problem.status().message()))};
  schedule::Options options;
  if (flags.seconds > 0) options.seconds = flags.seconds;
  if (flags.steps > 0) options.max_steps = flags.steps;
  const schedule::Graph graph = schedule::BuildGraph(problem->problem);
  std::vector<int> given(problem->problem.nodes.size());
  std::iota(given.begin(), given.end(), 0);
  const int64_t greedy = schedule::PeakOf(graph, schedule::Greedy(graph, schedule::Rule::kNet, given));
  Timer timer;
  auto solution = schedule::Solve(problem->problem, options);
  if (!solution.ok()) return {solution.status()};
  outcome.json["seconds"] = timer.Seconds();
  outcome.status = schedule::Validate(problem->problem, *solution);
  if (!outcome.status.ok())
    return {absl::InternalError(absl::StrCat("the solver's own answer is wrong: ", outcome.status.message()))};
  outcome.json["nodes"] = given.size();
  // The file's order need not be a topological one.
  const auto imported = schedule::Peak(problem->problem, given);
  outcome.json["imported_peak"] = imported.ok() ? Json(*imported) : Json(nullptr);
  outcome.json["greedy_peak"] = greedy;
  outcome.json["peak"] = solution->peak;
  outcome.json["lower_bound"] = solution->lower_bound;
  outcome.json["gap"] = Gap(solution->peak, solution->lower_bound);
  outcome.json["proven_optimal"] = solution->proven_optimal;
  if (!flags.output.empty()) outcome.status = WriteFile(flags.output, schedule::WriteSolution(*problem, *solution));
  if (!flags.html.empty() && outcome.status.ok()) outcome.status = WriteFile(flags.html, schedule::Page(*problem, *solution));
  if (!json && outcome.status.ok()) {
    const std::string before = imported.ok() ? absl::StrCat(*imported, " bytes") : "no topological order";
    std::printf("as given     %s\ngreedy       %lld bytes\n", before.c_str(), static_cast<long long>(greedy));
    std::printf("peak         %lld bytes (%s)\nlower bound  %lld bytes, gap %.4f%%%s\ntime         %s\n",
                static_cast<long long>(solution->peak), FormatBytes(solution->peak).c_str(),
                static_cast<long long>(solution->lower_bound), 100 * Gap(solution->peak, solution->lower_bound),
                solution->proven_optimal ? ", proven optimal" : "", FormatSeconds(timer.Seconds()).c_str());
  }
  return outcome;
}

}  // namespace plimsoll::cli
