// Each is one pass over memory; operations count the passes over registers.
#include "ir/graph/work.h"

namespace plimsoll::graph {

Cost SoftmaxOp::cost() { return perResult(*this, 14); }
Cost LayerNormOp::cost() { return perResult(*this, 8); }
Cost RmsNormOp::cost() { return perResult(*this, 5); }
Cost GroupNormOp::cost() { return perResult(*this, 8); }

}  // namespace plimsoll::graph
