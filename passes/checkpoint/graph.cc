#include "passes/checkpoint/graph.h"

#include <algorithm>

namespace plimsoll::checkpoint {

Graph BuildGraph(const Problem& problem, absl::Span<const int> order) {
  const int n = static_cast<int>(order.size());
  Graph graph;
  graph.fixed = !problem.order.empty();
  graph.original.assign(order.begin(), order.end());
  std::vector<int> rank(problem.nodes.size(), -1);
  for (int i = 0; i < n; ++i) rank[order[i]] = i;
  graph.inputs.resize(n);
  graph.users.resize(n);
  graph.output.assign(n, 0);
  for (int i = 0; i < n; ++i) {
    const Node& node = problem.nodes[order[i]];
    graph.size.push_back(node.size);
    graph.workspace.push_back(node.workspace);
    graph.once.push_back(node.once);
    graph.cost.push_back(node.cost);
    graph.total_cost += node.cost;
    for (int u : node.inputs) graph.inputs[i].push_back(rank[u]);
    std::sort(graph.inputs[i].begin(), graph.inputs[i].end());
    graph.inputs[i].erase(std::unique(graph.inputs[i].begin(), graph.inputs[i].end()), graph.inputs[i].end());
    for (int u : graph.inputs[i]) graph.users[u].push_back(i);
  }
  for (int v : problem.outputs) graph.output[rank[v]] = 1;
  return graph;
}

int64_t PeakOf(const Graph& graph, absl::Span<const int> sequence) {
  const int n = graph.nodes(), length = static_cast<int>(sequence.size());
  std::vector<int> copy(n, -1), last(sequence.size());
  for (int i = 0; i < length; ++i) {
    for (int u : graph.inputs[sequence[i]]) last[copy[u]] = i;
    copy[sequence[i]] = last[i] = i;
  }
  for (int v = 0; v < n; ++v) {
    if (graph.output[v]) last[copy[v]] = length - 1;
  }
  std::vector<int64_t> change(sequence.size() + 1, 0);
  for (int i = 0; i < length; ++i) {
    change[i] += graph.size[sequence[i]];
    change[last[i] + 1] -= graph.size[sequence[i]];
    change[i] += graph.workspace[sequence[i]];
    change[i + 1] -= graph.workspace[sequence[i]];
  }
  int64_t memory = 0, peak = 0;
  for (int i = 0; i < length; ++i) peak = std::max(peak, memory += change[i]);
  return peak;
}

double CostOf(const Graph& graph, absl::Span<const int> sequence) {
  // What is computed once first: the cost of a sequence without recomputation is then exactly total_cost.
  std::vector<int> times(graph.nodes(), 0);
  for (int v : sequence) ++times[v];
  double cost = graph.total_cost;
  for (int v = 0; v < graph.nodes(); ++v) cost += graph.cost[v] * (times[v] - 1);
  return cost;
}

Solution ToSolution(const Problem& problem, const Graph& graph, absl::Span<const int> sequence) {
  Solution solution;
  for (int v : sequence) solution.sequence.push_back(graph.original[v]);
  solution.peak = PeakOf(graph, sequence);
  solution.cost = CostOf(graph, sequence);
  return solution;
}

}  // namespace plimsoll::checkpoint
