// Constraints: (N1) elements are floats; (N2) scale and bias broadcast to the normalized dims; (N3) channels divide
// into groups, and scale and bias have one element a channel.
#include "ir/graph/infer.h"

namespace plimsoll::graph {

using mlir::emitOptionalError;
using mlir::failed;
using mlir::failure;
using mlir::LogicalResult;

namespace {

LogicalResult requireFloat(OptionalLocation location, mlir::ValueRange operands) {
  for (mlir::Value operand : operands)
    if (!isFloat(tensorType(operand).getElementType()))
      return emitOptionalError(location, "(N1) not defined for elements of type ",
                               tensorType(operand).getElementType());
  return mlir::success();
}

// Over the dims [axis, rank), with operands 1.. that broadcast to them.
LogicalResult overTrailing(OptionalLocation location, mlir::ValueRange operands, int64_t axis,
                           llvm::SmallVectorImpl<mlir::Type>& types) {
  if (failed(requireStatic(location, operands)) || failed(requireFloat(location, operands))) return failure();
  mlir::RankedTensorType type = tensorType(operands[0]);
  if (failed(requireAxis(location, axis, type.getRank()))) return failure();
  for (mlir::Value parameter : operands.drop_front())
    if (!broadcastsTo(tensorType(parameter).getShape(), type.getShape().drop_front(axis)))
      return emitOptionalError(location, "(N2) ", tensorType(parameter), " does not broadcast to dimensions [",
                               type.getShape().drop_front(axis), "]");
  return inferTensor(location, type.getShape(), type.getElementType(), types);
}

}  // namespace

PLIMSOLL_INFER(SoftmaxOp) {
  if (failed(requireStatic(location, operands)) || failed(requireFloat(location, operands))) return failure();
  PLIMSOLL_ADAPTOR(SoftmaxOp);
  mlir::RankedTensorType type = tensorType(operands[0]);
  if (failed(requireAxis(location, adaptor.getAxis(), type.getRank()))) return failure();
  return inferTensor(location, type.getShape(), type.getElementType(), types);
}
PrecisionClass SoftmaxOp::precisionClass() { return PrecisionClass::FULL; }

PLIMSOLL_INFER(LayerNormOp) {
  PLIMSOLL_ADAPTOR(LayerNormOp);
  return overTrailing(location, operands, adaptor.getAxis(), types);
}
PrecisionClass LayerNormOp::precisionClass() { return PrecisionClass::FULL; }

PLIMSOLL_INFER(RmsNormOp) {
  PLIMSOLL_ADAPTOR(RmsNormOp);
  return overTrailing(location, operands, adaptor.getAxis(), types);
}
PrecisionClass RmsNormOp::precisionClass() { return PrecisionClass::FULL; }

PLIMSOLL_INFER(GroupNormOp) {
  if (failed(requireStatic(location, operands)) || failed(requireFloat(location, operands))) return failure();
  PLIMSOLL_ADAPTOR(GroupNormOp);
  mlir::RankedTensorType type = tensorType(operands[0]);
  if (failed(requireAxis(location, 1, type.getRank()))) return failure();
  int64_t channels = type.getDimSize(1), groups = adaptor.getGroups();
  if (groups <= 0 || channels % groups != 0)
    return emitOptionalError(location, "(N3) ", channels, " channels do not divide into ", groups, " groups");
  for (mlir::Value parameter : operands.drop_front())
    if (tensorType(parameter).getShape() != llvm::ArrayRef<int64_t>{channels})
      return emitOptionalError(location, "(N3) expected one element for each of ", channels, " channels, found ",
                               tensorType(parameter));
  return inferTensor(location, type.getShape(), type.getElementType(), types);
}
PrecisionClass GroupNormOp::precisionClass() { return PrecisionClass::FULL; }

}  // namespace plimsoll::graph
