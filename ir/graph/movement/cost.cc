#include "ir/graph/work.h"

namespace plimsoll::graph {

Cost ReshapeOp::cost() { return {}; }
Cost TransposeOp::cost() { return traffic(*this); }
Cost ExpandOp::cost() { return traffic(*this); }
Cost SliceOp::cost() { return gathered(*this, 0); }
Cost ConcatOp::cost() { return traffic(*this); }
Cost PadOp::cost() { return traffic(*this); }
Cost GatherOp::cost() { return gathered(*this, 0); }
Cost GatherElementsOp::cost() { return gathered(*this, 0); }
Cost GatherNdOp::cost() { return gathered(*this, 0); }
Cost IotaOp::cost() { return perResult(*this, 2); }
Cost ResizeOp::cost() {
  // The weighted sum of the neighbours in each dim that is resized.
  double taps = getMode() == "nearest" ? 1 : getMode() == "linear" ? 2 : 4, operations = 1;
  for (auto [from, to] : llvm::zip_equal(getOperand().getType().getShape(), getResult().getType().getShape()))
    if (from != to) operations *= taps;
  return perResult(*this, 2 * operations);
}

}  // namespace plimsoll::graph
