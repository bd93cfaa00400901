#ifndef PLIMSOLL_PASSES_CHECKPOINT_ANNEAL_H_
#define PLIMSOLL_PASSES_CHECKPOINT_ANNEAL_H_

#include <cstdint>
#include <vector>

#include "passes/checkpoint/graph.h"
#include "passes/schedule/budget.h"

namespace plimsoll::checkpoint {

// Improves `best` (a sequence of `graph`; empty or within `budget`) by simulated annealing over sequences, from
// `start`. Computations are added where memory is short, taken out and moved; bytes above the budget cost a price that
// adapts so that the search stays about the border. Stops at a cost of `enough`. Spends `effort`.
//
// The idea of annealing over computation sequences is that of Imanishi, Xu, Takagi, Wang, Castillo: "A fast heuristic
// to optimize time-space tradeoff for large models" (NeurIPS 2023).
void Anneal(const Graph& graph, int64_t budget, const std::vector<int>& start, double enough, uint64_t seed,
            std::vector<int>& best, schedule::Budget& effort);

}  // namespace plimsoll::checkpoint

#endif  // PLIMSOLL_PASSES_CHECKPOINT_ANNEAL_H_
