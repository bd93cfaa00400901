// Result types and precision of the elementwise operations.
// Constraints: (E1) the operand's element type is one that the operation knows; (E2) operands have one element type;
// (E3) the condition of a select is i1; (E4) a cast keeps the shape.
#include "ir/graph/infer.h"

namespace plimsoll::graph {

using mlir::emitOptionalError;
using mlir::failed;
using mlir::failure;
using mlir::LogicalResult;
using mlir::Type;

namespace {

using Predicate = bool (*)(Type);

bool isAny(Type) { return true; }
bool isBoolOrInteger(Type type) { return isBool(type) || isInteger(type); }

// The operand's type (its encoding included: elementwise operations on one operand take dims known only at run time),
// with element type `element` if that is given.
LogicalResult unary(OptionalLocation location, mlir::ValueRange operands, Predicate knows, Type element,
                    llvm::SmallVectorImpl<Type>& types) {
  auto type =
      operands.empty() ? mlir::RankedTensorType() : llvm::dyn_cast<mlir::RankedTensorType>(operands[0].getType());
  if (!type) return emitOptionalError(location, "(S4) the operand is not a ranked tensor");
  if (!knows(type.getElementType()))
    return emitOptionalError(location, "(E1) not defined for elements of type ", type.getElementType());
  types.push_back(
      mlir::RankedTensorType::get(type.getShape(), element ? element : type.getElementType(), type.getEncoding()));
  return mlir::success();
}

LogicalResult binary(OptionalLocation location, mlir::ValueRange operands, Predicate knows, bool same, Type element,
                     llvm::SmallVectorImpl<Type>& types) {
  if (failed(requireStatic(location, operands))) return failure();
  mlir::RankedTensorType lhs = tensorType(operands[0]), rhs = tensorType(operands[1]);
  if (!knows(lhs.getElementType()) || !knows(rhs.getElementType()))
    return emitOptionalError(location, "(E1) not defined for elements of type ",
                             knows(lhs.getElementType()) ? rhs.getElementType() : lhs.getElementType());
  if (same && lhs.getElementType() != rhs.getElementType())
    return emitOptionalError(location, "(E2) operands with elements of type ", lhs.getElementType(), " and ",
                             rhs.getElementType());
  mlir::FailureOr<Shape> shape = broadcast(location, lhs.getShape(), rhs.getShape());
  if (failed(shape)) return failure();
  return inferTensor(location, *shape, element ? element : lhs.getElementType(), types);
}

}  // namespace

#define UNARY(Op, knows, precision)                                              \
  PLIMSOLL_INFER(Op) { return unary(location, operands, knows, Type(), types); } \
  PrecisionClass Op::precisionClass() { return PrecisionClass::precision; }
UNARY(AbsOp, isNumber, FOLLOW)
UNARY(NegOp, isNumber, FOLLOW)
UNARY(SignOp, isNumber, FOLLOW)
UNARY(ExpOp, isFloat, FULL)
UNARY(LogOp, isFloat, FULL)
UNARY(SqrtOp, isFloat, FOLLOW)
UNARY(RsqrtOp, isFloat, FULL)
UNARY(ReciprocalOp, isFloat, FULL)
UNARY(TanhOp, isFloat, FOLLOW)
UNARY(ErfOp, isFloat, FOLLOW)
UNARY(SinOp, isFloat, FOLLOW)
UNARY(CosOp, isFloat, FOLLOW)
UNARY(TanOp, isFloat, FULL)
UNARY(AsinOp, isFloat, FULL)
UNARY(AcosOp, isFloat, FULL)
UNARY(AtanOp, isFloat, FOLLOW)
UNARY(SinhOp, isFloat, FULL)
UNARY(CoshOp, isFloat, FULL)
UNARY(AsinhOp, isFloat, FULL)
UNARY(AcoshOp, isFloat, FULL)
UNARY(AtanhOp, isFloat, FULL)
UNARY(FloorOp, isFloat, FOLLOW)
UNARY(CeilOp, isFloat, FOLLOW)
UNARY(RoundOp, isFloat, FOLLOW)
UNARY(NotOp, isBoolOrInteger, FOLLOW)
#undef UNARY

#define BINARY(Op, knows, same, precision)                                              \
  PLIMSOLL_INFER(Op) { return binary(location, operands, knows, same, Type(), types); } \
  PrecisionClass Op::precisionClass() { return PrecisionClass::precision; }
BINARY(AddOp, isNumber, true, FOLLOW)
BINARY(SubOp, isNumber, true, FOLLOW)
BINARY(DivOp, isNumber, true, FOLLOW)
BINARY(PowOp, isNumber, false, FULL)
BINARY(MaxOp, isNumber, true, FOLLOW)
BINARY(MinOp, isNumber, true, FOLLOW)
BINARY(AndOp, isBoolOrInteger, true, FOLLOW)
BINARY(OrOp, isBoolOrInteger, true, FOLLOW)
BINARY(XorOp, isBoolOrInteger, true, FOLLOW)
BINARY(ShiftLeftOp, isInteger, true, FOLLOW)
BINARY(ShiftRightOp, isInteger, true, FOLLOW)
BINARY(ModOp, isNumber, true, FOLLOW)
#undef BINARY

PLIMSOLL_INFER(MulOp) { return binary(location, operands, isNumber, true, Type(), types); }
// A square leaves the range of f16 at 256 and at 0.008.
PrecisionClass MulOp::precisionClass() { return getLhs() == getRhs() ? PrecisionClass::FULL : PrecisionClass::FOLLOW; }

PLIMSOLL_INFER(IsNanOp) { return unary(location, operands, isFloat, mlir::IntegerType::get(context, 1), types); }
PrecisionClass IsNanOp::precisionClass() { return PrecisionClass::FOLLOW; }

PLIMSOLL_INFER(IsInfOp) { return unary(location, operands, isFloat, mlir::IntegerType::get(context, 1), types); }
PrecisionClass IsInfOp::precisionClass() { return PrecisionClass::FOLLOW; }

PLIMSOLL_INFER(CompareOp) { return binary(location, operands, isAny, true, mlir::IntegerType::get(context, 1), types); }
PrecisionClass CompareOp::precisionClass() { return PrecisionClass::FOLLOW; }

PLIMSOLL_INFER(ActivationOp) {
  PLIMSOLL_ADAPTOR(ActivationOp);
  ActivationKind kind = adaptor.getKind();
  bool integers = kind == ActivationKind::relu || kind == ActivationKind::clip;
  return unary(location, operands, integers ? isNumber : isFloat, Type(), types);
}
PrecisionClass ActivationOp::precisionClass() {
  return getKind() == ActivationKind::softplus ? PrecisionClass::FULL : PrecisionClass::FOLLOW;
}

PLIMSOLL_INFER(SelectOp) {
  if (failed(requireStatic(location, operands))) return failure();
  mlir::RankedTensorType condition = tensorType(operands[0]), yes = tensorType(operands[1]),
                         no = tensorType(operands[2]);
  if (!isBool(condition.getElementType()))
    return emitOptionalError(location, "(E3) a condition with elements of type ", condition.getElementType());
  if (yes.getElementType() != no.getElementType())
    return emitOptionalError(location, "(E2) operands with elements of type ", yes.getElementType(), " and ",
                             no.getElementType());
  mlir::FailureOr<Shape> shape = broadcast(location, yes.getShape(), no.getShape());
  if (failed(shape)) return failure();
  shape = broadcast(location, condition.getShape(), *shape);
  if (failed(shape)) return failure();
  return inferTensor(location, *shape, yes.getElementType(), types);
}
PrecisionClass SelectOp::precisionClass() { return PrecisionClass::FOLLOW; }

LogicalResult CastOp::verify() {
  mlir::RankedTensorType from = getOperand().getType(), to = getResult().getType();
  if (from.getShape() != to.getShape() || from.getEncoding() != to.getEncoding())
    return emitOpError("(E4) from ") << from << " to " << to << " would change the shape";
  for (Type element : {from.getElementType(), to.getElementType()})
    if (!isBool(element) && !isNumber(element)) return emitOpError("(E1) not defined for elements of type ") << element;
  return mlir::success();
}
PrecisionClass CastOp::precisionClass() { return PrecisionClass::FOLLOW; }

}  // namespace plimsoll::graph
