#include "passes/schedule/page.h"

#include <algorithm>
#include <numeric>
#include <set>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "passes/page/chart.h"
#include "passes/page/page.h"
#include "passes/schedule/graph.h"

namespace plimsoll::schedule {
namespace {

constexpr size_t kMostTensors = 20;

// Tensors in memory while order[step] runs, the largest first.
std::vector<int> HeldAt(const Problem& problem, const std::vector<int>& order, size_t step) {
  const size_t never = order.size();
  std::vector<size_t> made(problem.tensors.size(), 0), last(problem.tensors.size(), 0);
  std::vector<char> used(problem.tensors.size(), 0), produced(problem.tensors.size(), 0);
  for (size_t i = 0; i < order.size(); ++i) {
    const Node& node = problem.nodes[order[i]];
    for (int t : node.outputs) made[t] = last[t] = i, produced[t] = 1;
    for (int t : node.inputs) last[t] = i, used[t] = 1;
  }
  for (int t : problem.outputs) last[t] = never;
  std::vector<int> held;
  for (size_t t = 0; t < problem.tensors.size(); ++t) {
    if (!used[t] && !produced[t]) last[t] = never;
    if (made[t] <= step && step <= last[t] && problem.tensors[t].size > 0) held.push_back(static_cast<int>(t));
  }
  std::stable_sort(held.begin(), held.end(),
                   [&](int a, int b) { return problem.tensors[a].size > problem.tensors[b].size; });
  return held;
}

std::string NodeName(const NamedProblem& named, int node) {
  return named.names.empty() || named.names[node].empty() ? named.nodes[node] : named.names[node];
}

std::string AtThePeak(const NamedProblem& named, const Solution& solution, size_t step) {
  const std::vector<int> held = HeldAt(named.problem, solution.order, step);
  std::string html = absl::StrCat("<section><h2>At the peak: step ", step, ", node ",
                                  page::Escape(NodeName(named, solution.order[step])),
                                  "</h2><table><tr><th>tensor<th class=n>size</tr>");
  if (const int64_t workspace = named.problem.nodes[solution.order[step]].workspace; workspace > 0) {
    absl::StrAppend(&html, "<tr><td>the node's workspace<td class=n>", page::Size(static_cast<double>(workspace)),
                    "</tr>");
  }
  for (size_t i = 0; i < held.size() && i < kMostTensors; ++i) {
    absl::StrAppend(&html, "<tr><td>", page::Escape(named.tensors[held[i]]), "<td class=n>",
                    page::Size(static_cast<double>(named.problem.tensors[held[i]].size)), "</tr>");
  }
  html += "</table>";
  if (held.size() > kMostTensors) absl::StrAppend(&html, "<p>and ", held.size() - kMostTensors, " more</p>");
  return html + "</section>";
}

}  // namespace

std::string Page(const NamedProblem& named, const Solution& solution) {
  const Graph graph = BuildGraph(named.problem);
  std::vector<int> given(named.problem.nodes.size());
  std::iota(given.begin(), given.end(), 0);
  const absl::StatusOr<int64_t> before = Peak(named.problem, given);
  page::StepChart chart;
  chart.bytes = MakeProfile(graph, solution.order).during;
  if (before.ok()) chart.other = MakeProfile(graph, given).during;
  chart.limit = static_cast<double>(solution.lower_bound);
  std::string html = page::Begin("Ordering");
  absl::StrAppendFormat(&html, "<p>%d nodes, %d tensors; peak %s (%d bytes); no order takes less than %s%s%s.</p>",
                        named.problem.nodes.size(), named.problem.tensors.size(),
                        page::Size(static_cast<double>(solution.peak)), solution.peak,
                        page::Size(static_cast<double>(solution.lower_bound)),
                        solution.proven_optimal ? " (proven optimal)" : "",
                        before.ok() ? absl::StrCat("; as given ", page::Size(static_cast<double>(*before)))
                                    : "; the order given is no topological one");
  absl::StrAppend(&html,
                  "<section><h2>Memory over the steps</h2><p>blue: the order found; grey: the order given; "
                  "dashed: the bound</p>",
                  page::Draw(chart), "</section>");
  if (!chart.bytes.empty()) {
    const auto peak = std::max_element(chart.bytes.begin(), chart.bytes.end());
    html += AtThePeak(named, solution, static_cast<size_t>(peak - chart.bytes.begin()));
  }
  return html + page::End();
}

}  // namespace plimsoll::schedule
