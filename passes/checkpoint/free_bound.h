#ifndef PLIMSOLL_PASSES_CHECKPOINT_FREE_BOUND_H_
#define PLIMSOLL_PASSES_CHECKPOINT_FREE_BOUND_H_

#include <cstdint>

#include "passes/checkpoint/graph.h"
#include "passes/schedule/budget.h"

namespace plimsoll::checkpoint {

// A lower bound on the cost above computing each node once, of every sequence within `budget`, in whatever order. Looks
// at one moment: the first computation of a node v. What has been computed before it is a closed set that holds what
// precedes v and nothing that follows it; an output of the set that is read outside of it is in memory at that moment,
// or is computed again later. With a price on memory, the cheapest such set is a minimum cut; the best price is
// searched. The largest value over the nodes at which memory is shortest. Positive only where no order without
// recomputation fits by such a cut.
double FreeOrderBound(const Graph& graph, int64_t budget, schedule::Budget& effort);

}  // namespace plimsoll::checkpoint

#endif  // PLIMSOLL_PASSES_CHECKPOINT_FREE_BOUND_H_
