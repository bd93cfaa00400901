#ifndef PLIMSOLL_PASSES_SCHEDULE_BOUND_H_
#define PLIMSOLL_PASSES_SCHEDULE_BOUND_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "passes/schedule/budget.h"
#include "passes/schedule/graph.h"
#include "passes/schedule/problem.h"
#include "passes/schedule/reach.h"

namespace plimsoll::schedule {

// Bytes that every order of `problem` needs at some moment: by node and by minimum cuts, as far as a fixed budget goes.
// kInvalidArgument for what Check refuses.
absl::StatusOr<int64_t> LowerBound(const Problem& problem);

// By node: bytes that are in memory while it runs in every order: the values that start at or before it and end at or
// after it by precedence alone, plus its extra. O(n * values / 64) time and more for long-lived values. Without `reach`
// only the node's own values count.
std::vector<int64_t> NodeBounds(const Graph& graph, const Reach* reach);

// The largest of `node_bounds` and of the memory at both ends.
int64_t EndsAndNodes(const Graph& graph, const std::vector<int64_t>& node_bounds);

// The least memory in which `node` can run, over all orders: a minimum cut, exact for one moment. It raises
// `bound`, unless the budget is spent.
void RaiseByCut(const Graph& graph, const Reach& reach, int node, int64_t& bound, Budget& budget);

// Raises `bound` by the cuts of the most promising nodes: those of highest node bound first, none that the peak
// of a known order rules out (`during[v]`: memory while v runs in it), until the bound meets `peak`.
void RaiseByCuts(const Graph& graph, const Reach& reach, const std::vector<int64_t>& node_bounds,
                 const std::vector<int64_t>& during, int64_t peak, int64_t& bound, Budget& budget);

}  // namespace plimsoll::schedule

#endif  // PLIMSOLL_PASSES_SCHEDULE_BOUND_H_
