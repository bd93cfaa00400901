#ifndef PLIMSOLL_PASSES_SCHEDULE_SEGMENTS_H_
#define PLIMSOLL_PASSES_SCHEDULE_SEGMENTS_H_

#include <vector>

#include "passes/schedule/graph.h"

namespace plimsoll::schedule {

// A division at nodes that all others precede or follow: whatever the order, the same nodes have run when such a node
// starts and when it ends.
struct Segments {
  std::vector<int> order;   // topological; follows the given one within a segment
  std::vector<int> bounds;  // segment i is order[bounds[i], bounds[i + 1])
};
Segments Divide(const Graph& graph, const std::vector<int>& order);

}  // namespace plimsoll::schedule

#endif  // PLIMSOLL_PASSES_SCHEDULE_SEGMENTS_H_
