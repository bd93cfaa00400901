// Constraints: (R1) axes are sorted and distinct; (R2) the element type is a number; (R3) there is an element to
// choose.
#include "ir/graph/infer.h"

namespace plimsoll::graph {

using mlir::emitOptionalError;
using mlir::failed;
using mlir::failure;

PLIMSOLL_INFER(ReduceOp) {
  if (failed(requireStatic(location, operands))) return failure();
  PLIMSOLL_ADAPTOR(ReduceOp);
  mlir::RankedTensorType type = tensorType(operands[0]);
  llvm::ArrayRef<int64_t> axes = adaptor.getAxes();
  ReduceKind kind = adaptor.getKind();
  bool logical = isBool(type.getElementType()) && (kind == ReduceKind::max || kind == ReduceKind::min);
  if (!isNumber(type.getElementType()) && !logical)
    return emitOptionalError(location, "(R2) not defined for elements of type ", type.getElementType());
  for (size_t i = 0; i < axes.size(); ++i) {
    if (failed(requireAxis(location, axes[i], type.getRank()))) return failure();
    if (i > 0 && axes[i - 1] >= axes[i])
      return emitOptionalError(location, "(R1) axes [", axes, "] are not sorted and distinct");
  }
  Shape shape;
  for (int64_t dim = 0; dim < type.getRank(); ++dim) {
    if (!llvm::is_contained(axes, dim)) {
      shape.push_back(type.getDimSize(dim));
    } else if (adaptor.getKeepDims()) {
      shape.push_back(1);
    }
  }
  return inferTensor(location, shape, type.getElementType(), types);
}
PrecisionClass ReduceOp::precisionClass() {
  return getKind() == ReduceKind::max || getKind() == ReduceKind::min ? PrecisionClass::FOLLOW : PrecisionClass::FULL;
}

PLIMSOLL_INFER(ArgReduceOp) {
  if (failed(requireStatic(location, operands))) return failure();
  PLIMSOLL_ADAPTOR(ArgReduceOp);
  mlir::RankedTensorType type = tensorType(operands[0]);
  int64_t axis = adaptor.getAxis();
  if (failed(requireAxis(location, axis, type.getRank()))) return failure();
  if (!isNumber(type.getElementType()))
    return emitOptionalError(location, "(R2) not defined for elements of type ", type.getElementType());
  if (type.getDimSize(axis) == 0)
    return emitOptionalError(location, "(R3) dimension ", axis, " of ", type, " is empty");
  Shape shape(type.getShape());
  if (adaptor.getKeepDims()) {
    shape[axis] = 1;
  } else {
    shape.erase(shape.begin() + axis);
  }
  return inferTensor(location, shape, mlir::IntegerType::get(context, 64), types);
}

}  // namespace plimsoll::graph
