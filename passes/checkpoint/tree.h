#ifndef PLIMSOLL_PASSES_CHECKPOINT_TREE_H_
#define PLIMSOLL_PASSES_CHECKPOINT_TREE_H_

#include <vector>

#include "passes/checkpoint/graph.h"

namespace plimsoll::checkpoint {

// True where every output is read at most once and outputs of the problem by nobody: a forest whose edges lead to the
// roots. Chains are such. There recomputation saves nothing: of any sequence, keep for each node only the last
// computation before the one kept of its reader; what remains is held at no step where it was not before.
bool IsForest(const Graph& graph);

// For a forest: the order of least peak, exact (Liu, "An application of generalized tree pebbling to sparse matrix
// factorization", 1987). O(n^2) at worst.
std::vector<int> ForestOrder(const Graph& graph);

}  // namespace plimsoll::checkpoint

#endif  // PLIMSOLL_PASSES_CHECKPOINT_TREE_H_
