#ifndef PLIMSOLL_PASSES_SCHEDULE_SEARCH_H_
#define PLIMSOLL_PASSES_SCHEDULE_SEARCH_H_

#include <cstdint>
#include <vector>

#include "passes/schedule/budget.h"
#include "passes/schedule/graph.h"

namespace plimsoll::schedule {

struct SearchResult {
  bool found = false;
  std::vector<int> order;   // where found: its peak is at most the target
  bool complete = false;    // where not found: there is none, and
  int64_t lower_bound = 0;  // no order has a lower peak than this, which is above the target
};

// Is there an order whose peak is at most `target`? Dynamic programming over the sets of nodes that have run, by
// number of nodes, of each number the `width` sets of least memory. Where no set was left out for width or budget, the
// answer no is a proof. Two dominance rules keep the sets few, both due to the submodularity of memory:
// - a ready node that adds no memory and stays within the target runs at once;
// - a set T that is reached within the target, and such that no set between the start and T needs less memory, may be
//   passed through by any order within the target: T becomes the new start, all other sets are dropped. A minimum cut
//   checks it.
SearchResult Search(const Graph& graph, int64_t target, int width, Budget& budget);

}  // namespace plimsoll::schedule

#endif  // PLIMSOLL_PASSES_SCHEDULE_SEARCH_H_
