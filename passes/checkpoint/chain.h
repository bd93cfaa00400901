#ifndef PLIMSOLL_PASSES_CHECKPOINT_CHAIN_H_
#define PLIMSOLL_PASSES_CHECKPOINT_CHAIN_H_

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "passes/checkpoint/graph.h"
#include "passes/schedule/budget.h"

namespace plimsoll::checkpoint {

// A chain and its way back, as training makes them: after `first` sources that must not be computed again come the
// nodes of the chain, each reading the one before alone; what follows falls into levels, one for each node of the
// chain, from the last to the first. What belongs to level i reads, of the chain, nodes i and i - 1 only (and anything
// of the levels done); no node of the chain is an output of the graph.
struct TrainingChain {
  int first = 0, length = 0;
  // By level: its nodes, [begin, end) of the graph's. Empty levels begin where the one above ends.
  std::vector<std::pair<int, int>> levels;
};

// The chain of a graph, found by its edges along the order of the indices; nothing where it is not of this kind or
// shorter than three nodes.
std::optional<TrainingChain> FindTrainingChain(const Graph& graph);

// A cheapest sequence within `budget` among those that are persistent (a node of the chain that is kept for
// others to start from stays until the level above its own is done), nested (what was kept last is used up before
// anything below it is computed again) and compute the rest once: dynamic programming over segments of the chain and
// bytes left, after Beaumont, Eyraud-Dubois, Herrmann, Joly and Shilova, "Optimal checkpointing for heterogeneous
// chains" (2019), for sizes and costs that differ by node. Exact where the budget is at most `slots` bytes (or a
// multiple of a common unit of all sizes); else sizes are rounded to budget / slots, and a sequence that does not fit
// is tried with less. Empty where none was found, or `effort` is too little. O(length^3 slots) time, O(length^2 slots)
// memory.
std::vector<int> ChainSequence(const Graph& graph, const TrainingChain& chain, int64_t budget, int slots,
                               schedule::Budget& effort);

}  // namespace plimsoll::checkpoint

#endif  // PLIMSOLL_PASSES_CHECKPOINT_CHAIN_H_
