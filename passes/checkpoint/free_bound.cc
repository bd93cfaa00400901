#include "passes/checkpoint/free_bound.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>
#include <vector>

#include "passes/schedule/bound.h"
#include "passes/schedule/min_cut.h"
#include "passes/schedule/problem.h"

namespace plimsoll::checkpoint {
namespace {

// Nodes whose prices are searched, and steps of that search.
constexpr int kNodes = 8;
constexpr int kSteps = 24;

// The graph for the ordering solver, with `weights` as sizes.
schedule::Problem Weighted(const Graph& graph, const std::vector<int64_t>& weights) {
  schedule::Problem problem;
  for (int v = 0; v < graph.nodes(); ++v) {
    problem.tensors.push_back({weights[v]});
    problem.nodes.push_back({graph.inputs[v], {v}, 0});
    if (graph.output[v]) problem.outputs.push_back(v);
  }
  return problem;
}

class OneMoment {
 public:
  OneMoment(const Graph& graph, const schedule::Reach& reach, int node, int64_t budget)
      : graph_(graph), node_(node), sides_(graph.nodes(), schedule::Side::kFree) {
    for (int v = 0; v < graph.nodes(); ++v) {
      if (reach.IsAbove(node, v)) sides_[v] = schedule::Side::kBefore;
      if (reach.IsBelow(node, v)) sides_[v] = schedule::Side::kAfter;
    }
    sides_[node] = schedule::Side::kRunning;
    // What is in memory in any case, less the budget.
    excess_ = static_cast<double>(graph.size[node]) + static_cast<double>(graph.workspace[node]) -
              static_cast<double>(budget);
    for (int u : graph.inputs[node]) excess_ += static_cast<double>(graph.size[u]);
  }

  // The bound at a price for each byte; negative infinity where the effort ended first.
  double At(double price, schedule::Budget& effort) const {
    std::vector<double> weights(graph_.nodes());
    double sum = 1e-300;
    for (int v = 0; v < graph_.nodes(); ++v) {
      const double hold = price * static_cast<double>(graph_.size[v]);
      weights[v] = graph_.once[v] ? hold : std::min(hold, graph_.cost[v]);
    }
    for (int u : graph_.inputs[node_]) weights[u] = 0;
    weights[node_] = 0;
    for (double weight : weights) sum += weight;
    // Whole numbers, rounded down.
    const double scale = 0x1p50 / sum;
    std::vector<int64_t> rounded(weights.size());
    for (size_t v = 0; v < weights.size(); ++v) rounded[v] = static_cast<int64_t>(weights[v] * scale);
    const schedule::Graph cut = schedule::BuildGraph(Weighted(graph_, rounded));
    const schedule::Moment moment = schedule::LeastMoment(cut, sides_, effort);
    if (!moment.complete) return -std::numeric_limits<double>::infinity();
    return static_cast<double>(moment.bytes) / scale + price * excess_;
  }

  // The value is concave in the price.
  double Best(schedule::Budget& effort) const {
    double low = std::numeric_limits<double>::infinity(), high = 0;
    for (int v = 0; v < graph_.nodes(); ++v) {
      if (graph_.size[v] <= 0 || graph_.cost[v] <= 0) continue;
      low = std::min(low, graph_.cost[v] / static_cast<double>(graph_.size[v]));
      high = std::max(high, graph_.cost[v] / static_cast<double>(graph_.size[v]));
    }
    if (high <= 0) return 0;
    double a = std::log(low), b = std::log(high), best = 0;
    for (int i = 0; i < kSteps / 2 && effort.left() > 0; ++i) {
      const double left = a + (b - a) * 0.45, right = a + (b - a) * 0.55;
      const double at_left = At(std::exp(left), effort), at_right = At(std::exp(right), effort);
      best = std::max({best, at_left, at_right});
      (at_left < at_right ? a : b) = at_left < at_right ? left : right;
    }
    return best * (1 - 1e-9);
  }

 private:
  const Graph& graph_;
  const int node_;
  std::vector<schedule::Side> sides_;
  double excess_ = 0;
};

}  // namespace

double FreeOrderBound(const Graph& graph, int64_t budget, schedule::Budget& effort) {
  const int n = graph.nodes();
  if (n == 0 || n > schedule::Reach::kMaxNodes) return 0;
  std::vector<int64_t> sizes(graph.size);
  schedule::Problem problem = Weighted(graph, sizes);
  for (int v = 0; v < n; ++v) problem.nodes[v].workspace = graph.workspace[v];
  const schedule::Graph memory = schedule::BuildGraph(problem);
  const schedule::Reach reach(memory);
  const std::vector<int64_t> by_node = schedule::NodeBounds(memory, &reach);
  std::vector<int> nodes(n);
  std::iota(nodes.begin(), nodes.end(), 0);
  std::stable_sort(nodes.begin(), nodes.end(), [&](int a, int b) { return by_node[a] > by_node[b]; });
  // The nodes that need most by a cut of bytes, as far as half of the effort goes.
  std::vector<std::pair<int64_t, int>> shortest;
  effort.Within(effort.left() / 2, [&] {
    for (int v : nodes) {
      int64_t bytes = 0;
      schedule::RaiseByCut(memory, reach, v, bytes, effort);
      if (effort.left() == 0) return;
      if (bytes > budget) shortest.push_back({-bytes, v});
    }
  });
  std::sort(shortest.begin(), shortest.end());
  if (shortest.size() > kNodes) shortest.resize(kNodes);
  double bound = 0;
  for (const auto& [bytes, v] : shortest) bound = std::max(bound, OneMoment(graph, reach, v, budget).Best(effort));
  return bound;
}

}  // namespace plimsoll::checkpoint
