#ifndef PLIMSOLL_PASSES_SCHEDULE_SEGMENTS_H_
#define PLIMSOLL_PASSES_SCHEDULE_SEGMENTS_H_

#include <vector>

#include "passes/schedule/graph.h"

namespace plimsoll::schedule {

// Divides a topological order at the nodes that all others precede or follow: in every order, the same nodes have run
// when such a node starts and when it ends. Segment i is order[bounds[i], bounds[i + 1]).
std::vector<int> Divide(const Graph& graph, const std::vector<int>& order);

}  // namespace plimsoll::schedule

#endif  // PLIMSOLL_PASSES_SCHEDULE_SEGMENTS_H_
