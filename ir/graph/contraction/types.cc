// Constraints: (D1) ranks are at least 2; (D2) the contracted dims are equal; (D3) element types fit: equal floats,
// equal integers, or i8 and ui8 in any mix; (D4) the bias broadcasts to the result; (D5) zero points are scalars or
// have one element a row of lhs (a column of rhs), in the operand's type, on 8-bit integers only; (D6) post_ops are
// dictionaries with kind "eltwise", "binary" or "sum" and a function (but for sum), and each binary and sum has its
// operand, in order, which broadcasts to the result (sum: has its type); (K1) at least one spatial dim, equal ranks;
// (K2) channels and groups fit; W1..W3.
#include "ir/graph/window.h"

namespace plimsoll::graph {

using llvm::SmallVector;
using mlir::emitOptionalError;
using mlir::failed;
using mlir::failure;
using mlir::FailureOr;
using mlir::LogicalResult;
using mlir::Type;

namespace {

// The element type of products of `lhs` and `rhs`, summed.
FailureOr<Type> accumulated(OptionalLocation location, Type lhs, Type rhs) {
  auto byte = [](Type type) { return isInteger(type) && type.getIntOrFloatBitWidth() == 8; };
  if (byte(lhs) && byte(rhs)) return Type(mlir::IntegerType::get(lhs.getContext(), 32));
  if (lhs == rhs && isNumber(lhs)) return lhs;
  return emitOptionalError(location, "(D3) no product of elements of type ", lhs, " and ", rhs, " is defined");
}

LogicalResult verifyPostOps(mlir::Operation* op, std::optional<mlir::ArrayAttr> post_ops, mlir::ValueRange operands,
                            mlir::RankedTensorType result) {
  size_t next = 0;
  if (post_ops) {
    for (mlir::Attribute attribute : *post_ops) {
      auto dictionary = llvm::dyn_cast<mlir::DictionaryAttr>(attribute);
      auto kind = dictionary ? dictionary.getAs<mlir::StringAttr>("kind") : mlir::StringAttr();
      if (!kind || (kind != "eltwise" && kind != "binary" && kind != "sum"))
        return op->emitOpError(
                   "(D6) a post operation is a dictionary with kind \"eltwise\", \"binary\" or \"sum\", found ")
               << attribute;
      if (kind != "sum" && !dictionary.getAs<mlir::StringAttr>("function"))
        return op->emitOpError("(D6) the post operation names no function: ") << attribute;
      if (kind == "eltwise") continue;
      if (next == operands.size()) return op->emitOpError("(D6) the post operation has no operand: ") << attribute;
      mlir::RankedTensorType type = tensorType(operands[next++]);
      if (kind == "sum" ? type != result : !broadcastsTo(type.getShape(), result.getShape()))
        return op->emitOpError("(D6) the operand ") << type << " of a post operation does not fit " << result;
    }
  }
  if (next != operands.size())
    return op->emitOpError("(D6) post operations take ") << next << " operands, found " << operands.size();
  return mlir::success();
}

LogicalResult verifyZeroPoint(mlir::Operation* op, mlir::Value zero_point, mlir::Value operand, int64_t count) {
  if (!zero_point) return mlir::success();
  mlir::RankedTensorType type = tensorType(zero_point), of = tensorType(operand);
  bool one = type.hasStaticShape() && elementCount(type.getShape()) == 1;
  bool many = type.getRank() == 1 && type.getDimSize(0) == count;
  if (type.getElementType() != of.getElementType() || !isInteger(of.getElementType()) ||
      of.getElementType().getIntOrFloatBitWidth() != 8 || !(one || many))
    return op->emitOpError("(D5) a zero point ") << type << " of " << of << ", expected one element or " << count;
  return mlir::success();
}

LogicalResult verifyBias(mlir::Operation* op, mlir::Value bias, mlir::RankedTensorType result) {
  if (!bias) return mlir::success();
  mlir::RankedTensorType type = tensorType(bias);
  if (type.getElementType() != result.getElementType() || !broadcastsTo(type.getShape(), result.getShape()))
    return op->emitOpError("(D4) the bias ") << type << " does not broadcast to " << result;
  return mlir::success();
}

}  // namespace

PLIMSOLL_INFER(DotGeneralOp) {
  PLIMSOLL_ADAPTOR(DotGeneralOp);
  if (failed(requireStatic(location, operands))) return failure();
  mlir::RankedTensorType lhs = tensorType(adaptor.getLhs()), rhs = tensorType(adaptor.getRhs());
  if (lhs.getRank() < 2 || rhs.getRank() < 2)
    return emitOptionalError(location, "(D1) expected operands of rank at least 2, found ", lhs, " and ", rhs);
  int64_t m = lhs.getShape().drop_back().back(), k = lhs.getShape().back();
  if (adaptor.getTransposeLhs()) std::swap(m, k);
  int64_t rhs_k = rhs.getShape().drop_back().back(), n = rhs.getShape().back();
  if (adaptor.getTransposeRhs()) std::swap(rhs_k, n);
  if (k != rhs_k) return emitOptionalError(location, "(D2) the contracted dimensions differ: ", k, " and ", rhs_k);
  FailureOr<Type> element = accumulated(location, lhs.getElementType(), rhs.getElementType());
  if (failed(element)) return failure();
  FailureOr<Shape> shape = broadcast(location, lhs.getShape().drop_back(2), rhs.getShape().drop_back(2));
  if (failed(shape)) return failure();
  shape->push_back(m);
  shape->push_back(n);
  return inferTensor(location, *shape, *element, types);
}
LogicalResult DotGeneralOp::verify() {
  mlir::RankedTensorType result = getResult().getType();
  int64_t m = result.getShape().drop_back().back(), n = result.getShape().back();
  if (failed(verifyZeroPoint(*this, getLhsZeroPoint(), getLhs(), m)) ||
      failed(verifyZeroPoint(*this, getRhsZeroPoint(), getRhs(), n)) || failed(verifyBias(*this, getBias(), result)))
    return failure();
  return verifyPostOps(*this, getPostOps(), getPostOperands(), result);
}
PrecisionClass DotGeneralOp::precisionClass() { return PrecisionClass::LOW; }
SmallVector<unsigned> DotGeneralOp::packableOperands() {
  // A batched rhs has no packed layout.
  auto matrix = [](mlir::RankedTensorType type) {
    return llvm::all_of(type.getShape().drop_back(2), [](int64_t d) { return d == 1; });
  };
  SmallVector<unsigned> result;
  if (matrix(getRhs().getType())) result.push_back(1);
  return result;
}

PLIMSOLL_INFER(ConvolutionOp) {
  PLIMSOLL_ADAPTOR(ConvolutionOp);
  if (failed(requireStatic(location, operands))) return failure();
  mlir::RankedTensorType type = tensorType(adaptor.getOperand()), weights = tensorType(adaptor.getWeights());
  if (type.getRank() < 3 || weights.getRank() != type.getRank())
    return emitOptionalError(location,
                             "(K1) expected an operand with spatial dimensions and weights of the same rank, found ",
                             type, " and ", weights);
  size_t spatial = type.getRank() - 2;
  bool last = adaptor.getChannelsLast();
  int64_t channels = last ? type.getShape().back() : type.getDimSize(1);
  int64_t groups = adaptor.getGroups();
  bool transposed = adaptor.getTransposed();
  int64_t in = weights.getDimSize(transposed ? 0 : 1), out = weights.getDimSize(transposed ? 1 : 0);
  bool fits = groups > 0 && groups <= std::max<int64_t>(channels, 1) &&
              (transposed ? in == channels && channels % groups == 0
                          : channels % groups == 0 && in == channels / groups && out % groups == 0);
  if (!fits)
    return emitOptionalError(location, "(K2) weights ", weights, " in ", groups, " groups do not fit ", channels,
                             " channels");
  if (transposed && __builtin_mul_overflow(out, groups, &out))
    return emitOptionalError(location, "(S1) too many channels");
  FailureOr<Type> element = accumulated(location, type.getElementType(), weights.getElementType());
  if (failed(element)) return failure();
  Window window{weights.getShape().drop_front(2), adaptor.getStrides(), adaptor.getDilations(), adaptor.getPadsBegin(),
                adaptor.getPadsEnd()};
  if (failed(requireWindow(location, window, spatial, /*negative_pads=*/transposed))) return failure();
  llvm::ArrayRef<int64_t> sizes = type.getShape().slice(last ? 1 : 2, spatial);
  FailureOr<Shape> output = transposed ? transposedOutput(location, window, sizes, adaptor.getOutputPadding())
                                       : windowOutput(location, window, sizes);
  if (failed(output)) return failure();
  Shape shape{type.getDimSize(0)};
  if (!last) shape.push_back(out);
  shape.append(*output);
  if (last) shape.push_back(out);
  return inferTensor(location, shape, *element, types);
}
LogicalResult ConvolutionOp::verify() {
  mlir::RankedTensorType result = getResult().getType();
  int64_t out = getChannelsLast() ? result.getShape().back() : result.getDimSize(1);
  if (failed(verifyZeroPoint(*this, getOperandZeroPoint(), getOperand(), 1)) ||
      failed(verifyZeroPoint(*this, getWeightsZeroPoint(), getWeights(), out)))
    return failure();
  if (mlir::Value bias = getBias()) {
    mlir::RankedTensorType type = tensorType(bias);
    if (type.getElementType() != result.getElementType() || type.getShape() != llvm::ArrayRef<int64_t>{out})
      return emitOpError("(D4) the bias ") << type << " does not have one element for each of " << out << " channels";
  }
  return verifyPostOps(*this, getPostOps(), getPostOperands(), result);
}
PrecisionClass ConvolutionOp::precisionClass() { return PrecisionClass::LOW; }
SmallVector<unsigned> ConvolutionOp::packableOperands() { return {1}; }

}  // namespace plimsoll::graph
