#ifndef PLIMSOLL_PASSES_SCHEDULE_MIN_CUT_H_
#define PLIMSOLL_PASSES_SCHEDULE_MIN_CUT_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "passes/schedule/budget.h"
#include "passes/schedule/graph.h"

namespace plimsoll::schedule {

// Where a node stands when a moment of an order is looked for.
enum class Side : char {
  kFree,     // before or after the moment
  kBefore,   // has run
  kAfter,    // has not run
  kRunning,  // runs at the moment: has started its values and ended none
};

struct Moment {
  bool complete = false;     // false where the budget was spent: nothing else is set
  int64_t bytes = 0;         // least memory, without the extra of the running node
  std::vector<char> before;  // by node: has run at that moment; the smallest such set
};

// The moment of least memory among all that leave the fixed nodes on their sides: M is submodular, so that a minimum
// cut finds it. Fixed sides must be closed under precedence.
Moment LeastMoment(const Graph& graph, absl::Span<const Side> sides, Budget& budget);

}  // namespace plimsoll::schedule

#endif  // PLIMSOLL_PASSES_SCHEDULE_MIN_CUT_H_
