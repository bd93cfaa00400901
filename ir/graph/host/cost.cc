#include "ir/graph/work.h"

namespace plimsoll::graph {

// What a host function does is not known: a few operations on each element that it writes.
Cost HostCallOp::cost() {
  Cost cost = traffic(*this);
  for (mlir::Value result : getResults()) cost.vector_flops += 4 * elementsOf(result);
  return cost;
}

}  // namespace plimsoll::graph
