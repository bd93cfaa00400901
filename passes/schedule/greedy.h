#ifndef PLIMSOLL_PASSES_SCHEDULE_GREEDY_H_
#define PLIMSOLL_PASSES_SCHEDULE_GREEDY_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "passes/schedule/graph.h"

namespace plimsoll::schedule {

// How a list scheduler picks among the nodes that are ready. Each rule but kNet and kRise first runs what frees at
// least as much as it allocates, lowest rise first.
enum class Rule {
  kNet,    // least change of memory
  kRise,   // least memory while it runs
  kLiu,    // largest fall from the node's peak to what it leaves (J. W. H. Liu, "An application of generalized tree
           // pebbling to sparse matrix factorization", 1987, for single nodes)
  kRank,   // first in the given order
  kDepth,  // made ready last: depth first
};

// A topological order; `rank[v]` breaks ties (and leads in kRank). O(E log V) but for graphs with values of many
// starters.
std::vector<int> Greedy(const Graph& graph, Rule rule, absl::Span<const int> rank);

// The best of all rules, forwards and backwards, then pressed in both directions while that helps.
std::vector<int> ListSchedule(const Graph& graph, const std::vector<int>& rank, int64_t& peak);

bool IsTopological(const Graph& graph, absl::Span<const int> order);

}  // namespace plimsoll::schedule

#endif  // PLIMSOLL_PASSES_SCHEDULE_GREEDY_H_
