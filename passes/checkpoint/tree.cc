#include "passes/checkpoint/tree.h"

#include <algorithm>

namespace plimsoll::checkpoint {
namespace {

// A stretch of an order: memory climbs to `hill`, then falls to `valley`, both relative to memory before the stretch.
struct Stretch {
  int64_t hill = 0, valley = 0;
  std::vector<int> nodes;
};

// Joins stretches so that each one's hill is the highest of what follows and its valley the lowest after that hill: the
// form in which the orders of independent subtrees are merged by falling hill - valley.
std::vector<Stretch> Normalize(std::vector<Stretch> stretches) {
  std::vector<Stretch> joined;
  size_t i = 0;
  while (i < stretches.size()) {
    int64_t memory = 0, hill = 0, valley = 0;
    size_t top = i;
    for (size_t j = i; j < stretches.size(); ++j) {
      if (memory + stretches[j].hill >= hill) {
        hill = memory + stretches[j].hill;
        top = j;
      }
      memory += stretches[j].valley;
    }
    size_t end = top;
    memory = 0;
    for (size_t j = i; j < stretches.size(); ++j) {
      memory += stretches[j].valley;
      if (j == top || (j > top && memory <= valley)) {
        valley = memory;
        end = j;
      }
    }
    Stretch stretch{hill, valley, {}};
    for (; i <= end; ++i) {
      stretch.nodes.insert(stretch.nodes.end(), stretches[i].nodes.begin(), stretches[i].nodes.end());
    }
    joined.push_back(std::move(stretch));
  }
  return joined;
}

void Merge(std::vector<Stretch>& into, std::vector<Stretch> from) {
  for (Stretch& stretch : from) into.push_back(std::move(stretch));
  std::stable_sort(into.begin(), into.end(),
                   [](const Stretch& a, const Stretch& b) { return a.hill - a.valley > b.hill - b.valley; });
}

}  // namespace

bool IsForest(const Graph& graph) {
  for (int v = 0; v < graph.nodes(); ++v) {
    if (graph.users[v].size() + (graph.output[v] ? 1 : 0) > 1) return false;
  }
  return true;
}

std::vector<int> ForestOrder(const Graph& graph) {
  std::vector<std::vector<Stretch>> of(graph.nodes());
  std::vector<Stretch> all;
  for (int v = 0; v < graph.nodes(); ++v) {
    std::vector<Stretch> stretches;
    int64_t inputs = 0;
    for (int u : graph.inputs[v]) {
      inputs += graph.size[u];
      Merge(stretches, std::move(of[u]));
    }
    // A root that is no output is freed at once.
    const int64_t kept = graph.output[v] || !graph.users[v].empty() ? graph.size[v] : 0;
    stretches.push_back({graph.size[v] + graph.workspace[v], kept - inputs, {v}});
    of[v] = Normalize(std::move(stretches));
    if (graph.users[v].empty()) Merge(all, std::move(of[v]));
  }
  std::vector<int> order;
  for (const Stretch& stretch : all) order.insert(order.end(), stretch.nodes.begin(), stretch.nodes.end());
  return order;
}

}  // namespace plimsoll::checkpoint
