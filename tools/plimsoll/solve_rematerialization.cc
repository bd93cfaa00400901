// plimsoll solve rematerialization PROBLEM.json
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "passes/checkpoint/json.h"
#include "passes/checkpoint/page.h"
#include "passes/checkpoint/solver.h"
#include "passes/checkpoint/validator.h"
#include "tools/plimsoll/solve.h"
#include "tools/plimsoll/text.h"
#include "tools/plimsoll/write_file.h"

namespace plimsoll::cli {
namespace {

// "6GiB,80%": bytes, or a share of the peak without rematerialization.
absl::StatusOr<std::vector<int64_t>> ParseBudgets(const std::string& text, int64_t peak) {
  std::vector<int64_t> budgets;
  for (absl::string_view item : absl::StrSplit(text, ',')) {
    const std::string part(item);
    if (!part.empty() && part.back() == '%') {
      char* end = nullptr;
      const double share = std::strtod(part.c_str(), &end);
      if (end != part.c_str() + part.size() - 1 || end == part.c_str() || !(share >= 0 && share <= 1000)) {
        return absl::InvalidArgumentError(
            absl::StrCat("--budget: ", part, " is no share; expected something like 80%"));
      }
      budgets.push_back(static_cast<int64_t>(std::floor(static_cast<long double>(peak) * share / 100)));
      continue;
    }
    auto bytes = ParseBytes(part);
    if (!bytes.ok()) return absl::InvalidArgumentError(absl::StrCat("--budget: ", bytes.status().message()));
    budgets.push_back(*bytes);
  }
  return budgets;
}

Json ToJson(const checkpoint::Answer& answer, double once) {
  Json json;
  json["budget"] = answer.budget;
  json["memory_lower_bound"] = answer.memory_bound;
  json["seconds"] = answer.seconds;
  if (answer.status.ok()) {
    const checkpoint::Solution& solution = answer.solution;
    json["peak"] = solution.peak;
    json["cost"] = solution.cost;
    json["lower_bound"] = solution.lower_bound;
    json["gap"] = Gap(solution.cost, solution.lower_bound);
    json["increase"] = Gap(solution.cost, once);
    json["proven_optimal"] = solution.proven_optimal;
    json["computations"] = solution.sequence.size();
  } else {
    json["proven_infeasible"] = absl::IsResourceExhausted(answer.status);
    json["error"] = std::string(answer.status.message());
  }
  return json;
}

void Print(const checkpoint::Answer& answer, double once) {
  std::printf("budget       %lld bytes (%s)\n", static_cast<long long>(answer.budget),
              FormatBytes(answer.budget).c_str());
  if (!answer.status.ok()) {
    std::printf("             %s\n", std::string(answer.status.message()).c_str());
    return;
  }
  const checkpoint::Solution& solution = answer.solution;
  std::printf("peak         %lld bytes (%s)\ncost         %.10g, %.3f%% above computing everything once\n",
              static_cast<long long>(solution.peak), FormatBytes(solution.peak).c_str(), solution.cost,
              100 * Gap(solution.cost, once));
  std::printf("lower bound  %.10g, gap %.4f%%%s\n", solution.lower_bound,
              100 * Gap(solution.cost, solution.lower_bound), solution.proven_optimal ? ", proven optimal" : "");
}

}  // namespace

Outcome SolveRematerialization(const SolveFlags& flags, bool json) {
  Outcome outcome;
  auto text = ReadFile(flags.problem);
  if (!text.ok()) return {text.status()};
  auto named = checkpoint::ReadProblem(*text);
  if (!named.ok())
    return {absl::Status(named.status().code(), absl::StrCat(flags.problem, ": ", named.status().message()))};
  const int64_t peak = checkpoint::PeakWithoutRematerialization(named->problem);
  if (!flags.budget.empty()) {
    auto budgets = ParseBudgets(flags.budget, peak);
    if (!budgets.ok()) return {budgets.status()};
    named->budgets = *std::move(budgets);
  }
  if (named->budgets.empty()) {
    return {absl::InvalidArgumentError(
        absl::StrCat(flags.problem, ": no \"budget\" in the file: give --budget=6GiB, or --budget=90%,80%"))};
  }
  checkpoint::Problem& problem = named->problem;
  double once = 0;
  for (int v : checkpoint::OrderOf(problem)) once += problem.nodes[v].cost;
  if (flags.free_order && !problem.order.empty()) {
    if (problem.order.size() < problem.nodes.size()) {
      return {absl::InvalidArgumentError(
          absl::StrCat(flags.problem, ": --free-order: the order leaves out nodes; take them out of the file"))};
    }
    problem.order.clear();
  }
  checkpoint::Options options;
  if (flags.seconds > 0) {
    options.seconds = flags.seconds;
    options.max_steps = int64_t{1} << 60;
  }
  if (flags.steps > 0) options.max_steps = flags.steps;
  Timer timer;
  auto answers = checkpoint::Solve(problem, named->budgets, options);
  if (!answers.ok()) return {answers.status()};
  const double seconds = timer.Seconds();
  bool any = false;
  for (const checkpoint::Answer& answer : *answers) {
    if (!answer.status.ok()) continue;
    any = true;
    if (absl::Status s = checkpoint::Validate(problem, answer.budget, answer.solution); !s.ok()) {
      return {absl::InternalError(absl::StrCat("the solver's own answer is wrong: ", s.message()))};
    }
  }
  if (answers->size() == 1) {
    outcome.json = ToJson(answers->front(), once);
    outcome.json.erase("error");
  } else {
    for (const checkpoint::Answer& answer : *answers) outcome.json["solutions"].push_back(ToJson(answer, once));
  }
  outcome.json["peak_without_rematerialization"] = peak;
  outcome.json["order"] = problem.order.empty() ? "free" : "fixed";
  outcome.json["seconds"] = seconds;
  if (!json && (any || answers->size() > 1)) {
    std::printf("without      %lld bytes (%s) at cost %.10g, order %s\n", static_cast<long long>(peak),
                FormatBytes(peak).c_str(), once, problem.order.empty() ? "free" : "fixed");
    for (const checkpoint::Answer& answer : *answers) Print(answer, once);
    std::printf("time         %s\n", FormatSeconds(seconds).c_str());
  }
  if (any && !flags.output.empty())
    outcome.status = WriteFile(flags.output, checkpoint::WriteAnswers(*named, *answers));
  if (any && outcome.status.ok() && !flags.html.empty()) {
    outcome.status = WriteFile(flags.html, checkpoint::Page(*named, *answers));
  }
  for (const checkpoint::Answer& answer : *answers) {
    if (outcome.status.ok()) outcome.status = answer.status;
  }
  return outcome;
}

}  // namespace plimsoll::cli
