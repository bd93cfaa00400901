#include "passes/schedule/segments.h"

#include <algorithm>

#include "passes/schedule/reach.h"

namespace plimsoll::schedule {

Segments Divide(const Graph& graph, const std::vector<int>& order) {
  const int n = graph.size();
  Segments segments{order, {0}};
  if (n == 0 || n > Reach::kMaxNodes) {
    if (n > 0) segments.bounds.push_back(n);
    return segments;
  }
  // Such a node stands in every topological order at the place that the number of its ancestors gives; so the given
  // order needs no change.
  const Reach reach(graph);
  for (int i = 0; i < n; ++i) {
    const int v = order[i];
    const int above = reach.CountAbove(v), below = reach.CountBelow(v);  // both count v
    if (above + below != n + 1) continue;
    if (segments.bounds.back() < i) segments.bounds.push_back(i);
    segments.bounds.push_back(i + 1);
  }
  if (segments.bounds.back() < n) segments.bounds.push_back(n);
  return segments;
}

}  // namespace plimsoll::schedule
