#include "passes/schedule/segments.h"

#include "passes/schedule/reach.h"

namespace plimsoll::schedule {

std::vector<int> Divide(const Graph& graph, const std::vector<int>& order) {
  const int n = graph.size();
  std::vector<int> bounds = {0};
  if (n == 0) return bounds;
  if (n <= Reach::kMaxNodes) {
    const Reach reach(graph);
    for (int i = 0; i < n; ++i) {
      const int above = reach.CountAbove(order[i]), below = reach.CountBelow(order[i]);  // both count the node
      if (above + below != n + 1) continue;
      if (bounds.back() < i) bounds.push_back(i);
      bounds.push_back(i + 1);
    }
  }
  if (bounds.back() < n) bounds.push_back(n);
  return bounds;
}

}  // namespace plimsoll::schedule
