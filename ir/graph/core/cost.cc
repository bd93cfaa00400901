#include "ir/graph/work.h"

namespace plimsoll::graph {

// References and constants are where they are: reading them is the user's cost.
Cost WeightOp::cost() { return {}; }
Cost ConstantOp::cost() { return {}; }
Cost PackOp::cost() { return traffic(*this); }
// What is between the operations of a kernel stays in registers.
Cost FusionOp::cost() { return bodies(*this); }

}  // namespace plimsoll::graph
