// Folders: values on constants, and movements that move nothing or are one movement together.
#include "ir/graph/evaluate/evaluate.h"
#include "ir/graph/infer.h"

namespace plimsoll::graph {

using mlir::OpFoldResult;
using mlir::Value;

namespace {

OpFoldResult folded(mlir::DenseElementsAttr value) { return value ? OpFoldResult(value) : OpFoldResult(); }

}  // namespace

OpFoldResult ReshapeOp::fold(FoldAdaptor adaptor) {
  if (getOperand().getType() == getType()) return getOperand();
  if (mlir::DenseElementsAttr value = evaluate::reshape(getType(), adaptor.getOperand())) return value;
  if (auto inner = getOperand().getDefiningOp<ReshapeOp>()) {
    if (inner.getOperand().getType() == getType()) return inner.getOperand();
    getOperandMutable().assign(inner.getOperand());
    return getResult();
  }
  return {};
}

OpFoldResult TransposeOp::fold(FoldAdaptor adaptor) {
  llvm::ArrayRef<int64_t> permutation = getPermutation();
  bool identity = true;
  for (auto [i, dim] : llvm::enumerate(permutation)) identity &= dim == static_cast<int64_t>(i);
  if (identity) return getOperand();
  if (mlir::DenseElementsAttr value = evaluate::transpose(permutation, getType(), adaptor.getOperand())) return value;
  if (auto inner = getOperand().getDefiningOp<TransposeOp>()) {
    Shape combined;
    for (int64_t dim : permutation) combined.push_back(inner.getPermutation()[dim]);
    getOperandMutable().assign(inner.getOperand());
    setPermutation(combined);
    return getResult();
  }
  return {};
}

OpFoldResult ExpandOp::fold(FoldAdaptor adaptor) {
  if (getOperand().getType() == getType()) return getOperand();
  if (mlir::DenseElementsAttr value = evaluate::expand(getType(), adaptor.getOperand())) return value;
  if (auto inner = getOperand().getDefiningOp<ExpandOp>()) {
    getOperandMutable().assign(inner.getOperand());
    return getResult();
  }
  return {};
}

OpFoldResult SliceOp::fold(FoldAdaptor adaptor) {
  bool whole = getOperand().getType() == getType();
  for (auto [stride, size] : llvm::zip_equal(getStrides(), getSizes())) whole &= stride == 1 || size <= 1;
  if (whole) return getOperand();
  return folded(evaluate::slice(getStarts(), getStrides(), getType(), adaptor.getOperand()));
}

OpFoldResult ConcatOp::fold(FoldAdaptor adaptor) {
  if (getOperands().size() == 1) return getOperands()[0];
  if (mlir::DenseElementsAttr value = evaluate::concat(getAxis(), getType(), adaptor.getOperands())) return value;
  // What is empty along the axis adds nothing.
  llvm::SmallVector<Value> rest;
  for (Value operand : getOperands())
    if (tensorType(operand).getDimSize(getAxis()) != 0) rest.push_back(operand);
  if (rest.empty() || rest.size() == getOperands().size()) return {};
  if (rest.size() == 1) return rest[0];
  getOperandsMutable().assign(rest);
  return getResult();
}

OpFoldResult PadOp::fold(FoldAdaptor adaptor) {
  auto zero = [](int64_t pad) { return pad == 0; };
  if (llvm::all_of(getLow(), zero) && llvm::all_of(getHigh(), zero)) return getOperand();
  if (getValue() && !adaptor.getValue()) return {};
  return folded(evaluate::pad(getMode(), getLow(), getType(), adaptor.getOperand(), adaptor.getValue()));
}

OpFoldResult GatherOp::fold(FoldAdaptor adaptor) {
  return folded(evaluate::gather(getAxis(), getType(), adaptor.getOperand(), adaptor.getIndices()));
}

OpFoldResult GatherElementsOp::fold(FoldAdaptor adaptor) {
  return folded(evaluate::gatherElements(getAxis(), getType(), adaptor.getOperand(), adaptor.getIndices()));
}

OpFoldResult GatherNdOp::fold(FoldAdaptor adaptor) {
  return folded(evaluate::gatherNd(getBatchDims(), getType(), adaptor.getOperand(), adaptor.getIndices()));
}

OpFoldResult IotaOp::fold(FoldAdaptor) {
  return folded(evaluate::iota(getAxis(), getStart().convertToDouble(), getStep().convertToDouble(), getType()));
}

}  // namespace plimsoll::graph
