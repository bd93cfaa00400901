#include "passes/schedule/bound.h"

#include <algorithm>

namespace plimsoll::schedule {
namespace {

using Bits = std::vector<uint64_t>;

std::vector<int> TopologicalOrder(const Graph& graph) {
  std::vector<int> unmet(graph.size()), order;
  for (int v = 0; v < graph.size(); ++v) {
    unmet[v] = static_cast<int>(graph.preds[v].size());
    if (unmet[v] == 0) order.push_back(v);
  }
  for (size_t i = 0; i < order.size(); ++i) {
    for (int v : graph.succs[order[i]]) {
      if (--unmet[v] == 0) order.push_back(v);
    }
  }
  return order;
}

// Row v: v and all its descendants (along `next`); rows laid end to end. `order` lists successors before v.
template <typename Order>
Bits Closure(const std::vector<std::vector<int>>& next, const Order& begin, const Order& end, size_t words) {
  Bits rows(next.size() * words, 0);
  for (auto it = begin; it != end; ++it) {
    uint64_t* row = &rows[*it * words];
    row[*it / 64] |= uint64_t{1} << (*it % 64);
    for (int other : next[*it]) {
      const uint64_t* from = &rows[other * words];
      for (size_t w = 0; w < words; ++w) row[w] |= from[w];
    }
  }
  return rows;
}

}  // namespace

std::vector<int64_t> NodeBounds(const Graph& graph) {
  const int n = graph.size();
  std::vector<int64_t> bounds(n);
  for (int v = 0; v < n; ++v) bounds[v] = graph.base + graph.extra[v];
  if (n > kMaxReachability) {
    for (int v = 0; v < n; ++v) {
      for (int i : graph.starts[v]) bounds[v] += graph.values[i].size;
      for (int i : graph.ends[v]) bounds[v] += graph.values[i].size;
    }
    return bounds;
  }
  const size_t words = (n + 63) / 64;
  const std::vector<int> order = TopologicalOrder(graph);
  const Bits below = Closure(graph.succs, order.rbegin(), order.rend(), words);
  const Bits above = Closure(graph.preds, order.begin(), order.end(), words);
  Bits begun(words), open(words);
  for (const Value& value : graph.values) {
    std::fill(begun.begin(), begun.end(), value.starters.empty() ? ~uint64_t{0} : 0);
    std::fill(open.begin(), open.end(), value.enders.empty() ? ~uint64_t{0} : 0);
    for (int v : value.starters) {
      for (size_t w = 0; w < words; ++w) begun[w] |= below[v * words + w];
    }
    for (int v : value.enders) {
      for (size_t w = 0; w < words; ++w) open[w] |= above[v * words + w];
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

int64_t NodeBound(const Graph& graph) {
  int64_t first = graph.base, last = graph.base;
  for (const Value& value : graph.values) {
    if (value.starters.empty()) first += value.size;
    if (value.enders.empty()) last += value.size;
  }
  int64_t bound = std::max(first, last);
  for (int64_t bytes : NodeBounds(graph)) bound = std::max(bound, bytes);
  return bound;
}

absl::StatusOr<int64_t> LowerBound(const Problem& problem) {
  if (absl::Status s = Check(problem); !s.ok()) return s;
  return NodeBound(BuildGraph(problem));
}

}  // namespace plimsoll::schedule
