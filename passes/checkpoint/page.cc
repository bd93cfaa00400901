#include "passes/checkpoint/page.h"

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "passes/page/chart.h"
#include "passes/page/page.h"

namespace plimsoll::checkpoint {
namespace {

using page::Escape;
using page::Size;

std::string Percent(double value, double of) {
  return of > 0 ? absl::StrFormat("%.3g%%", 100 * (value / of - 1)) : "-";
}

// The least cost: of every node to compute, once.
double CostOfOnce(const Problem& problem) {
  double cost = 0;
  for (int v : OrderOf(problem)) cost += problem.nodes[v].cost;
  return cost;
}

std::string Summary(const NamedProblem& named, absl::Span<const Answer> answers) {
  std::string html =
      "<section><table><tr><th class=n>budget<th class=n>peak<th class=n>cost<th class=n>more than once each<th "
      "class=n>gap to the bound<th></tr>";
  for (const Answer& answer : answers) {
    absl::StrAppendFormat(&html, "<tr><td class=n>%s", Size(static_cast<double>(answer.budget)));
    if (!answer.status.ok()) {
      absl::StrAppend(&html, "<td class=n>-<td class=n>-<td class=n>-<td class=n>-<td>",
                      answer.status.code() == absl::StatusCode::kResourceExhausted ? "infeasible" : "nothing found",
                      "</tr>");
      continue;
    }
    const Solution& solution = answer.solution;
    absl::StrAppendFormat(&html, "<td class=n>%s<td class=n>%.6g<td class=n>%s<td class=n>%s<td>%s</tr>",
                          Size(static_cast<double>(solution.peak)), solution.cost,
                          Percent(solution.cost, CostOfOnce(named.problem)),
                          Percent(solution.cost, solution.lower_bound), solution.proven_optimal ? "optimal" : "");
  }
  return html + "</table></section>";
}

std::string Picture(const Problem& problem, const Answer& answer) {
  const std::vector<int>& sequence = answer.solution.sequence;
  absl::StatusOr<std::vector<int64_t>> memory = Memory(problem, sequence);
  if (!memory.ok()) return "";
  page::StepChart chart;
  chart.bytes = *std::move(memory);
  std::vector<char> seen(problem.nodes.size(), 0);
  for (int v : sequence) {
    chart.marked.push_back(seen[v]);
    seen[v] = 1;
  }
  chart.limit = static_cast<double>(answer.budget);
  return page::Draw(chart);
}

std::string Costliest(const NamedProblem& named, const Solution& solution) {
  std::map<int, int> times;
  for (int v : solution.sequence) ++times[v];
  std::vector<std::pair<double, int>> again;
  for (auto [v, count] : times) {
    if (count > 1) again.emplace_back(-(count - 1) * named.problem.nodes[v].cost, v);
  }
  std::sort(again.begin(), again.end());
  if (again.empty()) return "<p>Nothing is computed twice.</p>";
  std::string html =
      absl::StrCat("<table><tr><th>computed again<th class=n>times<th class=n>cost<th class=n>output</tr>");
  for (size_t i = 0; i < again.size() && i < 20; ++i) {
    const int v = again[i].second;
    absl::StrAppendFormat(&html, "<tr><td>%s<td class=n>%d<td class=n>%.6g<td class=n>%s</tr>", Escape(named.nodes[v]),
                          times[v] - 1, -again[i].first, Size(static_cast<double>(named.problem.nodes[v].size)));
  }
  html += "</table>";
  if (again.size() > 20) absl::StrAppend(&html, "<p>and ", again.size() - 20, " more</p>");
  return html;
}

}  // namespace

std::string Page(const NamedProblem& named, absl::Span<const Answer> answers) {
  std::string html = page::Begin("Rematerialization");
  html += "<p>Memory over the steps of the sequence; orange: computed again; dashed: the budget.</p>";
  absl::StrAppendFormat(&html, "<p>%d nodes; computed once each: cost %.6g, peak %s</p>", named.problem.nodes.size(),
                        CostOfOnce(named.problem),
                        Size(static_cast<double>(PeakWithoutRematerialization(named.problem))));
  html += Summary(named, answers);
  for (const Answer& answer : answers) {
    absl::StrAppendFormat(&html, "<section><h2>Budget %s (%d bytes)</h2>", Size(static_cast<double>(answer.budget)),
                          answer.budget);
    if (!answer.status.ok()) {
      absl::StrAppend(&html, "<p>", Escape(std::string(answer.status.message())), "</p></section>");
      continue;
    }
    const Solution& solution = answer.solution;
    absl::StrAppendFormat(&html, "<p>peak %d bytes; cost %.10g, lower bound %.10g%s; %d computations of %d nodes</p>",
                          solution.peak, solution.cost, solution.lower_bound,
                          solution.proven_optimal ? " (proven optimal)" : "", solution.sequence.size(),
                          named.problem.nodes.size());
    absl::StrAppend(&html, Picture(named.problem, answer), Costliest(named, solution), "</section>");
  }
  return html + page::End();
}

}  // namespace plimsoll::checkpoint
