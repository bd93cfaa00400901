// Result types of the data movements.
// Constraints: (M1) the number of elements stays; (M2) a permutation of the dims; (M3) the operand broadcasts to the
// result; (M4) one entry a dim; (M5) every element taken lies in the operand; (M6) operands agree but along the axis;
// (M7) indices are integers; (M8) the padding has elements to repeat; (M9) the element type stays.
#include "ir/graph/infer.h"

namespace plimsoll::graph {

using mlir::emitOptionalError;
using mlir::failed;
using mlir::failure;
using mlir::LogicalResult;
using mlir::success;

LogicalResult ReshapeOp::verify() {
  mlir::RankedTensorType from = getOperand().getType(), to = getResult().getType();
  if (from.getElementType() != to.getElementType()) return emitOpError("(M9) from ") << from << " to " << to;
  // Dims known only at run time are the business of the operations around.
  if (!from.hasStaticShape() || !to.hasStaticShape()) return success();
  std::optional<int64_t> have = elementCount(from.getShape()), want = elementCount(to.getShape());
  if (!have || !want || *have != *want)
    return emitOpError("(M1) from ") << from << " to " << to << " changes the number of elements";
  return success();
}

PLIMSOLL_INFER(TransposeOp) {
  if (failed(requireStatic(location, operands))) return failure();
  PLIMSOLL_ADAPTOR(TransposeOp);
  mlir::RankedTensorType type = tensorType(operands[0]);
  llvm::ArrayRef<int64_t> permutation = adaptor.getPermutation();
  llvm::SmallVector<bool> seen(type.getRank(), false);
  Shape shape;
  for (int64_t dim : permutation) {
    if (dim < 0 || dim >= type.getRank() || seen[dim]) break;
    seen[dim] = true;
    shape.push_back(type.getDimSize(dim));
  }
  if (static_cast<int64_t>(shape.size()) != type.getRank() || permutation.size() != shape.size())
    return emitOptionalError(location, "(M2) [", permutation, "] is no permutation of the dimensions of ", type);
  return inferTensor(location, shape, type.getElementType(), types);
}

LogicalResult ExpandOp::verify() {
  mlir::RankedTensorType from = getOperand().getType(), to = getResult().getType();
  if (from.getElementType() != to.getElementType()) return emitOpError("(M9) from ") << from << " to " << to;
  if (!elementCount(from.getShape()) || !elementCount(to.getShape()) || !broadcastsTo(from.getShape(), to.getShape()))
    return emitOpError("(M3) ") << from << " does not broadcast to " << to;
  return success();
}

PLIMSOLL_INFER(SliceOp) {
  if (failed(requireStatic(location, operands))) return failure();
  PLIMSOLL_ADAPTOR(SliceOp);
  mlir::RankedTensorType type = tensorType(operands[0]);
  llvm::ArrayRef<int64_t> starts = adaptor.getStarts(), sizes = adaptor.getSizes(), strides = adaptor.getStrides();
  size_t rank = type.getRank();
  if (starts.size() != rank || sizes.size() != rank || strides.size() != rank)
    return emitOptionalError(location, "(M4) expected ", rank, " starts, sizes and strides");
  for (size_t i = 0; i < rank; ++i) {
    int64_t dim = type.getDimSize(i), last;
    if (sizes[i] < 0 || strides[i] == 0)
      return emitOptionalError(location, "(M4) size ", sizes[i], " and stride ", strides[i], " of dimension ", i);
    if (sizes[i] == 0) continue;
    if (starts[i] < 0 || starts[i] >= dim || __builtin_mul_overflow(sizes[i] - 1, strides[i], &last) ||
        __builtin_add_overflow(last, starts[i], &last) || last < 0 || last >= dim)
      return emitOptionalError(location, "(M5) start ", starts[i], ", size ", sizes[i], " and stride ", strides[i],
                               " leave dimension ", i, " of size ", dim);
  }
  return inferTensor(location, sizes, type.getElementType(), types);
}

PLIMSOLL_INFER(ConcatOp) {
  if (operands.empty()) return emitOptionalError(location, "(M6) nothing to concatenate");
  if (failed(requireStatic(location, operands))) return failure();
  PLIMSOLL_ADAPTOR(ConcatOp);
  mlir::RankedTensorType first = tensorType(operands[0]);
  int64_t axis = adaptor.getAxis();
  if (failed(requireAxis(location, axis, first.getRank()))) return failure();
  Shape shape(first.getShape());
  for (mlir::Value operand : operands.drop_front()) {
    mlir::RankedTensorType type = tensorType(operand);
    Shape other(type.getShape());
    if (other.size() == shape.size()) other[axis] = shape[axis];
    if (other != shape || type.getElementType() != first.getElementType())
      return emitOptionalError(location, "(M6) ", first, " and ", type, " do not agree but along dimension ", axis);
    if (__builtin_add_overflow(shape[axis], type.getDimSize(axis), &shape[axis]))
      return emitOptionalError(location, "(S1) dimension ", axis, " of the result is too large");
  }
  return inferTensor(location, shape, first.getElementType(), types);
}

PLIMSOLL_INFER(PadOp) {
  if (failed(requireStatic(location, operands))) return failure();
  PLIMSOLL_ADAPTOR(PadOp);
  mlir::RankedTensorType type = tensorType(operands[0]);
  llvm::ArrayRef<int64_t> low = adaptor.getLow(), high = adaptor.getHigh();
  size_t rank = type.getRank();
  if (low.size() != rank || high.size() != rank)
    return emitOptionalError(location, "(M4) expected ", rank, " values of padding");
  if (operands.size() > 1) {
    mlir::RankedTensorType value = tensorType(operands[1]);
    if (value.getElementType() != type.getElementType() || elementCount(value.getShape()) != 1)
      return emitOptionalError(location, "(M9) expected one element of type ", type.getElementType(),
                               " to pad with, found ", value);
  }
  Shape shape;
  for (size_t i = 0; i < rank; ++i) {
    int64_t dim = type.getDimSize(i);
    for (int64_t pad : {low[i], high[i]}) {
      if (pad <= -kMaxSize || pad >= kMaxSize) return emitOptionalError(location, "(S1) padding of ", pad);
      if (pad <= 0 || adaptor.getMode() == PadMode::constant) continue;
      int64_t most = adaptor.getMode() == PadMode::reflect ? dim - 1
                     : adaptor.getMode() == PadMode::wrap  ? dim
                     : dim > 0                             ? kMaxSize
                                                           : 0;
      if (pad > most)
        return emitOptionalError(location, "(M8) padding of ", pad, " in dimension ", i, " of size ", dim,
                                 " has nothing to repeat");
    }
    int64_t size = dim + low[i] + high[i];
    if (size < 0) return emitOptionalError(location, "(M5) dimension ", i, " of the result would have size ", size);
    shape.push_back(size);
  }
  return inferTensor(location, shape, type.getElementType(), types);
}

namespace {

LogicalResult requireIndices(OptionalLocation location, mlir::RankedTensorType indices) {
  if (!isInteger(indices.getElementType()))
    return emitOptionalError(location, "(M7) indices with elements of type ", indices.getElementType());
  return success();
}

}  // namespace

PLIMSOLL_INFER(GatherOp) {
  if (failed(requireStatic(location, operands))) return failure();
  PLIMSOLL_ADAPTOR(GatherOp);
  mlir::RankedTensorType type = tensorType(operands[0]), indices = tensorType(operands[1]);
  int64_t axis = adaptor.getAxis();
  if (failed(requireAxis(location, axis, type.getRank())) || failed(requireIndices(location, indices)))
    return failure();
  if (type.getDimSize(axis) == 0 && elementCount(indices.getShape()) != 0)
    return emitOptionalError(location, "(M5) dimension ", axis, " of ", type, " is empty");
  Shape shape(type.getShape().take_front(axis));
  shape.append(indices.getShape().begin(), indices.getShape().end());
  shape.append(type.getShape().begin() + axis + 1, type.getShape().end());
  return inferTensor(location, shape, type.getElementType(), types);
}

PLIMSOLL_INFER(GatherElementsOp) {
  if (failed(requireStatic(location, operands))) return failure();
  PLIMSOLL_ADAPTOR(GatherElementsOp);
  mlir::RankedTensorType type = tensorType(operands[0]), indices = tensorType(operands[1]);
  int64_t axis = adaptor.getAxis();
  if (failed(requireAxis(location, axis, type.getRank())) || failed(requireIndices(location, indices)))
    return failure();
  bool fits = indices.getRank() == type.getRank();
  for (int64_t i = 0; fits && i < type.getRank(); ++i) fits = i == axis || indices.getDimSize(i) <= type.getDimSize(i);
  if (!fits)
    return emitOptionalError(location, "(M5) indices ", indices, " do not fit ", type, " along dimension ", axis);
  if (type.getDimSize(axis) == 0 && elementCount(indices.getShape()) != 0)
    return emitOptionalError(location, "(M5) dimension ", axis, " of ", type, " is empty");
  return inferTensor(location, indices.getShape(), type.getElementType(), types);
}

PLIMSOLL_INFER(GatherNdOp) {
  if (failed(requireStatic(location, operands))) return failure();
  PLIMSOLL_ADAPTOR(GatherNdOp);
  mlir::RankedTensorType type = tensorType(operands[0]), indices = tensorType(operands[1]);
  int64_t batch = adaptor.getBatchDims();
  if (failed(requireIndices(location, indices))) return failure();
  if (batch < 0 || batch >= std::max<int64_t>(1, std::min(type.getRank(), indices.getRank())) || indices.getRank() < 1)
    return emitOptionalError(location, "(M6) ", batch, " batch dimensions of ", type, " and ", indices);
  int64_t depth = indices.getShape().back();
  if (depth > type.getRank() - batch || type.getShape().take_front(batch) != indices.getShape().take_front(batch))
    return emitOptionalError(location, "(M6) indices ", indices, " do not fit ", type, " with ", batch,
                             " batch dimensions");
  Shape shape(indices.getShape().drop_back());
  for (int64_t i = batch; i < batch + depth; ++i)
    if (type.getDimSize(i) == 0 && elementCount(shape) != 0)
      return emitOptionalError(location, "(M5) dimension ", i, " of ", type, " is empty");
  shape.append(type.getShape().begin() + batch + depth, type.getShape().end());
  return inferTensor(location, shape, type.getElementType(), types);
}

LogicalResult IotaOp::verify() {
  mlir::RankedTensorType type = getResult().getType();
  if (!isNumber(type.getElementType()))
    return emitOpError("(M9) not defined for elements of type ") << type.getElementType();
  if (!elementCount(type.getShape())) return emitOpError("(S3) the result has too many elements: ") << type;
  return requireAxis(getLoc(), getAxis(), type.getRank());
}

// Constraints: (Z1) ranks, and the number of scales, are equal; (Z2) scales are positive and finite; (Z3) the modes are
// known; (Z4) an empty dim stays empty.
LogicalResult ResizeOp::verify() {
  mlir::RankedTensorType from = getOperand().getType(), to = getResult().getType();
  if (from.getElementType() != to.getElementType()) return emitOpError("(M9) from ") << from << " to " << to;
  if (!isNumber(from.getElementType()))
    return emitOpError("(M9) not defined for elements of type ") << from.getElementType();
  if (!elementCount(from.getShape()) || !elementCount(to.getShape()))
    return emitOpError("(S3) from ") << from << " to " << to;
  if (from.getRank() != to.getRank() || static_cast<int64_t>(getScales().size()) != from.getRank())
    return emitOpError("(Z1) from ") << from << " to " << to << " with " << getScales().size() << " scales";
  for (double scale : getScales())
    if (!(scale > 0 && scale < std::numeric_limits<double>::infinity()))
      return emitOpError("(Z2) a scale of ") << scale;
  auto known = [&](llvm::StringRef value, llvm::ArrayRef<llvm::StringRef> values) {
    return llvm::is_contained(values, value);
  };
  if (!known(getMode(), {"nearest", "linear", "cubic"})) return emitOpError("(Z3) unknown mode '") << getMode() << "'";
  if (!known(getCoordinates(), {"half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric",
                                "tf_half_pixel_for_nn", "half_pixel_symmetric"}))
    return emitOpError("(Z3) unknown coordinates '") << getCoordinates() << "'";
  if (!known(getNearest(), {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil"}))
    return emitOpError("(Z3) unknown rounding '") << getNearest() << "'";
  for (auto [before, after] : llvm::zip_equal(from.getShape(), to.getShape()))
    if (before == 0 && after != 0) return emitOpError("(Z4) from ") << from << " to " << to;
  return success();
}

}  // namespace plimsoll::graph
