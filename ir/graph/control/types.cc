#include "ir/graph/infer.h"

namespace plimsoll::graph {

namespace {

// (C1) a condition is one element of type i1.
bool isCondition(mlir::Type type) {
  auto tensor = llvm::dyn_cast<mlir::RankedTensorType>(type);
  return tensor && isBool(tensor.getElementType()) && elementCount(tensor.getShape()) == 1;
}

}  // namespace

// Constraints: C1; (C2) both regions yield the results' types.
mlir::LogicalResult IfOp::verify() {
  if (!isCondition(getCondition().getType())) return emitOpError("(C1) the condition is ") << getCondition().getType();
  for (mlir::Region* region : {&getThenRegion(), &getElseRegion()}) {
    auto yield = llvm::dyn_cast<YieldOp>(region->front().back());
    if (!yield || yield.getOperandTypes() != getResultTypes())
      return emitOpError("(C2) a region does not yield the results (") << getResultTypes() << ")";
  }
  return mlir::success();
}

// Constraints: C1; (C3) max_trips is not negative; (C4) the block takes the iteration number (tensor<i64>) and the
// carried values; (C5) it yields a condition and the carried values' types, which are the results' types.
mlir::LogicalResult LoopOp::verify() {
  if (!isCondition(getCondition().getType())) return emitOpError("(C1) the condition is ") << getCondition().getType();
  if (static_cast<int64_t>(getMaxTrips()) < 0)
    return emitOpError("(C3) max_trips is ") << static_cast<int64_t>(getMaxTrips());
  mlir::Block& block = getBody().front();
  auto number = mlir::RankedTensorType::get({}, mlir::IntegerType::get(getContext(), 64));
  if (block.getNumArguments() != getCarried().size() + 1 || block.getArgument(0).getType() != number ||
      mlir::TypeRange(block.getArgumentTypes()).drop_front() != mlir::TypeRange(getCarried()))
    return emitOpError("(C4) the block takes (")
           << block.getArgumentTypes() << "), expected (" << number << ", " << mlir::TypeRange(getCarried()) << ")";
  auto yield = llvm::dyn_cast<YieldOp>(block.back());
  if (!yield || yield.getNumOperands() == 0 || !isCondition(yield.getOperand(0).getType()) ||
      mlir::TypeRange(yield.getOperandTypes()).drop_front() != mlir::TypeRange(getCarried()) ||
      mlir::TypeRange(getCarried()) != mlir::TypeRange(getResultTypes()))
    return emitOpError("(C5) the block does not yield a condition and the carried values (")
           << mlir::TypeRange(getCarried()) << ")";
  return mlir::success();
}

}  // namespace plimsoll::graph
