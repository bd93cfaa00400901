#include "ir/graph/evaluate/evaluate.h"

namespace plimsoll::graph {

using mlir::OpFoldResult;

OpFoldResult ReduceOp::fold(FoldAdaptor adaptor) {
  // Over no axes, of one element each: that element, but for those that square or drop the sign.
  bool keeps = getKind() == ReduceKind::sum || getKind() == ReduceKind::prod || getKind() == ReduceKind::max ||
               getKind() == ReduceKind::min || getKind() == ReduceKind::mean;
  if (keeps && getAxes().empty()) return getOperand();
  mlir::DenseElementsAttr value = evaluate::reduce(getKind(), getAxes(), getType(), adaptor.getOperand());
  return value ? OpFoldResult(value) : OpFoldResult();
}

OpFoldResult ArgReduceOp::fold(FoldAdaptor adaptor) {
  mlir::DenseElementsAttr value =
      evaluate::argReduce(getLargest(), getLast(), getAxis(), getType(), adaptor.getOperand());
  return value ? OpFoldResult(value) : OpFoldResult();
}

}  // namespace plimsoll::graph
