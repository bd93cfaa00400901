#include "passes/schedule/bound.h"

#include <algorithm>
#include <limits>
#include <numeric>

#include "passes/schedule/min_cut.h"

namespace plimsoll::schedule {

std::vector<int64_t> NodeBounds(const Graph& graph, const Reach* reach) {
  const int n = graph.size();
  std::vector<int64_t> bounds(n);
  for (int v = 0; v < n; ++v) bounds[v] = graph.base + graph.extra[v];
  if (reach == nullptr) {
    for (int i = 0; i < static_cast<int>(graph.values.size()); ++i) {
      const Value& value = graph.values[i];
      // A value with several starters may have ended... never before v runs, where v is a starter or an ender of it.
      for (int v : value.starters) bounds[v] += value.size;
      for (int v : value.enders) {
        if (std::find(value.starters.begin(), value.starters.end(), v) == value.starters.end()) bounds[v] += value.size;
      }
    }
    return bounds;
  }
  const size_t words = reach->words();
  std::vector<uint64_t> begun(words), open(words);
  for (const Value& value : graph.values) {
    std::fill(begun.begin(), begun.end(), value.starters.empty() ? ~uint64_t{0} : 0);
    std::fill(open.begin(), open.end(), value.enders.empty() ? ~uint64_t{0} : 0);
    for (int v : value.starters) {
      const uint64_t* row = reach->Below(v);
      for (size_t w = 0; w < words; ++w) begun[w] |= row[w];
    }
    for (int v : value.enders) {
      const uint64_t* row = reach->Above(v);
      for (size_t w = 0; w < words; ++w) open[w] |= row[w];
    }
    for (size_t w = 0; w < words; ++w) {
      for (uint64_t both = begun[w] & open[w]; both != 0; both &= both - 1) {
        const size_t v = w * 64 + __builtin_ctzll(both);
        if (v < static_cast<size_t>(n)) bounds[v] += value.size;
      }
    }
  }
  return bounds;
}

int64_t EndsAndNodes(const Graph& graph, const std::vector<int64_t>& node_bounds) {
  int64_t first = graph.base, last = graph.base;
  for (const Value& value : graph.values) {
    if (value.starters.empty()) first += value.size;
    if (value.enders.empty()) last += value.size;
  }
  int64_t bound = std::max(first, last);
  for (int64_t bytes : node_bounds) bound = std::max(bound, bytes);
  return bound;
}

void RaiseByCut(const Graph& graph, const Reach& reach, int node, int64_t& bound, Budget& budget) {
  std::vector<Side> sides(graph.size(), Side::kFree);
  for (int v = 0; v < graph.size(); ++v) {
    if (reach.IsAbove(node, v)) sides[v] = Side::kBefore;
    if (reach.IsBelow(node, v)) sides[v] = Side::kAfter;
  }
  sides[node] = Side::kRunning;
  const Moment moment = LeastMoment(graph, sides, budget);
  if (moment.complete) bound = std::max(bound, moment.bytes + graph.extra[node]);
}

void RaiseByCuts(const Graph& graph, const Reach& reach, const std::vector<int64_t>& node_bounds,
                 const std::vector<int64_t>& during, int64_t peak, int64_t& bound, Budget& budget) {
  std::vector<int> nodes(graph.size());
  std::iota(nodes.begin(), nodes.end(), 0);
  std::sort(nodes.begin(), nodes.end(),
            [&](int a, int b) { return node_bounds[a] != node_bounds[b] ? node_bounds[a] > node_bounds[b] : a < b; });
  for (int v : nodes) {
    if (bound >= peak || budget.left() == 0) return;
    if (during[v] > bound) RaiseByCut(graph, reach, v, bound, budget);
  }
}

absl::StatusOr<int64_t> LowerBound(const Problem& problem) {
  if (absl::Status s = Check(problem); !s.ok()) return s;
  const Graph graph = BuildGraph(problem);
  if (graph.size() > Reach::kMaxNodes) return EndsAndNodes(graph, NodeBounds(graph, nullptr));
  const Reach reach(graph);
  const std::vector<int64_t> nodes = NodeBounds(graph, &reach);
  int64_t bound = EndsAndNodes(graph, nodes);
  constexpr int64_t kAny = std::numeric_limits<int64_t>::max();
  Budget budget(5'000'000, 0);
  RaiseByCuts(graph, reach, nodes, std::vector<int64_t>(graph.size(), kAny), kAny, bound, budget);
  return bound;
}

}  // namespace plimsoll::schedule
