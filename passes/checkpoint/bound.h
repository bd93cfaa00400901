#ifndef PLIMSOLL_PASSES_CHECKPOINT_BOUND_H_
#define PLIMSOLL_PASSES_CHECKPOINT_BOUND_H_

#include <cstdint>

#include "passes/checkpoint/graph.h"
#include "passes/schedule/budget.h"

namespace plimsoll::checkpoint {

// A lower bound on the cost above computing each node once, of every sequence within `budget` whose first computations
// come in the order of the indices.
//
// At the first computation of node t its inputs are in memory. Between two such moments that need v, v is either held
// throughout (a retention interval as in Bartan et al., "Moccasin", ICML 2023) or computed again, at its cost at least.
// Memory at the moments between is relaxed with multipliers, the rest separates by interval; subgradient steps towards
// `upper`, the extra cost of a known sequence, raise the bound. Any multipliers give a valid one.
double FixedOrderBound(const Graph& graph, int64_t budget, double upper, schedule::Budget& effort);

}  // namespace plimsoll::checkpoint

#endif  // PLIMSOLL_PASSES_CHECKPOINT_BOUND_H_
