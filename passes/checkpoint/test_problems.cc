#include "passes/checkpoint/test_problems.h"

#include <algorithm>
#include <map>
#include <queue>
#include <utility>
#include <vector>

#include "passes/checkpoint/random.h"

namespace plimsoll::checkpoint {

Problem RandomProblem(int n, bool fixed, uint32_t seed) {
  Random random(seed * 2 + fixed);
  Problem problem;
  problem.nodes.resize(n);
  const int degree = 1 + random.Below(3);
  const int reach = 2 + random.Below(n);
  for (int v = 0; v < n; ++v) {
    problem.nodes[v].size = random.Below(8) == 0 ? 0 : 1 + random.Below(9);
    problem.nodes[v].cost = random.Below(8) == 0 ? 0 : 1 + random.Below(9);
    for (int i = random.Below(degree + 1); v > 0 && i > 0; --i) {
      problem.nodes[v].inputs.push_back(v - 1 - random.Below(std::min(v, reach)));
    }
    if (v > 0 && problem.nodes[v].inputs.empty() && random.Below(3) > 0) problem.nodes[v].inputs.push_back(v - 1);
  }
  // A third of the problems has workspace, and nodes that may be computed once only.
  if (seed % 3 == 2) {
    for (Node& node : problem.nodes) {
      if (random.Below(3) == 0) node.workspace = random.Below(6);
      node.once = random.Below(4) == 0;
    }
  }
  problem.outputs.push_back(n - 1);
  if (random.Below(3) == 0) problem.outputs.push_back(random.Below(n));
  if (fixed) {
    for (int v = 0; v < n; ++v) problem.order.push_back(v);
    // Sometimes the order leaves out what no output needs.
    if (random.Below(4) == 0) {
      std::vector<char> needed(n, 0);
      for (int v : problem.outputs) needed[v] = 1;
      for (int v = n - 1; v >= 0; --v) {
        for (int u : problem.nodes[v].inputs) needed[u] |= needed[v];
      }
      problem.order.erase(std::remove_if(problem.order.begin(), problem.order.end(), [&](int v) { return !needed[v]; }),
                          problem.order.end());
    }
  }
  return problem;
}

std::optional<double> BruteForceCost(const Problem& problem, int64_t budget) {
  using Masks = std::pair<unsigned, unsigned>;  // held, computed
  const bool fixed = !problem.order.empty();
  const int n = static_cast<int>(problem.nodes.size());
  std::vector<unsigned> inputs(n, 0);
  for (int v = 0; v < n; ++v) {
    for (int u : problem.nodes[v].inputs) inputs[v] |= 1u << u;
  }
  unsigned outputs = 0, all = 0;
  for (int v : problem.outputs) outputs |= 1u << v;
  for (int v = 0; v < n; ++v) all |= fixed ? 0 : 1u << v;
  for (int v : problem.order) all |= 1u << v;
  auto bytes = [&](unsigned held) {
    int64_t sum = 0;
    for (int v = 0; v < n; ++v) sum += held >> v & 1 ? problem.nodes[v].size : 0;
    return sum;
  };
  std::map<Masks, double> best;
  std::priority_queue<std::pair<double, Masks>, std::vector<std::pair<double, Masks>>, std::greater<>> queue;
  auto push = [&](Masks state, double cost) {
    const auto [it, fresh] = best.emplace(state, cost);
    if (!fresh && it->second <= cost) return;
    it->second = cost;
    queue.push({cost, state});
  };
  push({0, 0}, 0);
  while (!queue.empty()) {
    const auto [cost, state] = queue.top();
    queue.pop();
    if (best[state] < cost) continue;
    const auto [held, computed] = state;
    if (computed == all && (outputs & ~held) == 0) return cost;
    for (int v = 0; v < n; ++v) {
      if (held >> v & 1) {
        push({held & ~(1u << v), computed}, cost);
      } else if ((all >> v & 1) && (inputs[v] & ~held) == 0 &&
                 bytes(held | 1u << v) + problem.nodes[v].workspace <= budget) {
        const bool first = !(computed >> v & 1);
        if (!first && problem.nodes[v].once) continue;
        if (fixed && first && problem.order[__builtin_popcount(computed)] != v) continue;
        push({held | 1u << v, computed | 1u << v}, cost + problem.nodes[v].cost);
      }
    }
  }
  return std::nullopt;
}

}  // namespace plimsoll::checkpoint
