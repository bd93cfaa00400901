#ifndef PLIMSOLL_PASSES_SCHEDULE_REDUCE_H_
#define PLIMSOLL_PASSES_SCHEDULE_REDUCE_H_

#include "passes/schedule/graph.h"

namespace plimsoll::schedule {

// Fuses nodes that some optimal order runs one right after the other; the least peak stays the same.
//
// Rule: v's only predecessor is u, v never leaves more memory than it found, and never needs more than u did. Then v
// may follow u at once: whatever ran between them would see no more memory after v than before (M is submodular). The
// same rule backwards in time fuses u into its only successor v. Chains with convex profiles collapse, the hill-valley
// segments of J. W. H. Liu (1987) for what precedence alone decides.
Graph Reduce(const Graph& graph);

}  // namespace plimsoll::schedule

#endif  // PLIMSOLL_PASSES_SCHEDULE_REDUCE_H_
