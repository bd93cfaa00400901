#ifndef PLIMSOLL_PASSES_CHECKPOINT_EXACT_H_
#define PLIMSOLL_PASSES_CHECKPOINT_EXACT_H_

#include <cstdint>
#include <vector>

#include "passes/checkpoint/graph.h"

namespace plimsoll::checkpoint {

// A search of the sequence backwards from its end, by sets of outputs that must be in memory: before node v is
// computed, all that is held after it (apart from v) and the inputs of v must be there, and nothing more need be. A
// sequence of least cost, or of least peak, is a path of these sets to the empty one, found best first. Exact where it
// ends; where it stops at its limit, the best open set is a bound. For graphs of up to kMaxExactNodes nodes.
constexpr int kMaxExactNodes = 1024;

struct ExactResult {
  std::vector<int> sequence;  // optimal; empty where none was found
  bool infeasible = false;    // proven: no sequence is within the budget
  double extra = 0;           // lower bound on the cost above computing each node once
};

// The cheapest sequence within `budget`; looks at no more than `max_states` sets.
ExactResult SearchCost(const Graph& graph, int64_t budget, int64_t max_states);

// A lower bound, in bytes, on the peak of all sequences; where the search ended, `sequence` (if not
// null) has that peak.
int64_t SearchMemory(const Graph& graph, int64_t max_states, std::vector<int>* sequence);

}  // namespace plimsoll::checkpoint

#endif  // PLIMSOLL_PASSES_CHECKPOINT_EXACT_H_
