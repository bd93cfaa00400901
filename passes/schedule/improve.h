#ifndef PLIMSOLL_PASSES_SCHEDULE_IMPROVE_H_
#define PLIMSOLL_PASSES_SCHEDULE_IMPROVE_H_

#include <cstdint>
#include <vector>

#include "passes/schedule/budget.h"
#include "passes/schedule/graph.h"

namespace plimsoll::schedule {

// Lowers the peak of `order` and raises `bound`, its lower bound, until they meet, the peak is at most `floor`, or the
// budget is spent. In turn: minimum cuts (bound); whole-graph searches of growing width for targets by bisection
// (order, and bound where a search is exhaustive); searches in windows around the peak (order).
void Improve(const Graph& graph, int64_t floor, std::vector<int>& order, int64_t& peak, int64_t& bound, Budget& budget);

}  // namespace plimsoll::schedule

#endif  // PLIMSOLL_PASSES_SCHEDULE_IMPROVE_H_
