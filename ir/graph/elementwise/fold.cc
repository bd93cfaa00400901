// Folders: values on constants, and identities that never change a number.
#include "ir/graph/evaluate/elements.h"
#include "ir/graph/evaluate/evaluate.h"
#include "ir/graph/infer.h"

namespace plimsoll::graph {

using evaluate::Binary;
using evaluate::Unary;
using mlir::Attribute;
using mlir::DenseElementsAttr;
using mlir::OpFoldResult;
using mlir::Value;

namespace {

// Null attributes are no fold, not a null fold result of a kind.
OpFoldResult folded(DenseElementsAttr value) { return value ? OpFoldResult(value) : OpFoldResult(); }

// Whether every element is the number (0 or 1); of floats, positive zero.
bool isAll(Attribute attribute, double number, bool negative_zero = false) {
  auto elements = llvm::dyn_cast_or_null<DenseElementsAttr>(attribute);
  if (!elements || !elements.isSplat()) return false;
  switch (evaluate::kindOf(elements.getElementType())) {
    case evaluate::Kind::BOOL:
      return elements.getSplatValue<bool>() == (number != 0);
    case evaluate::Kind::SIGNED:
    case evaluate::Kind::UNSIGNED:
      return elements.getSplatValue<llvm::APInt>() == static_cast<uint64_t>(number);
    case evaluate::Kind::FLOAT: {
      llvm::APFloat value = elements.getSplatValue<llvm::APFloat>();
      if (number == 0) return value.isZero() && value.isNegative() == negative_zero;
      return value.convertToDouble() == number;
    }
    case evaluate::Kind::OTHER:
      break;
  }
  return false;
}

// `value` in place of a result of type `type`, unless that has been broadcast.
Value same(Value value, mlir::Type type) { return value.getType() == type ? value : Value(); }

}  // namespace

#define FOLD_UNARY(Op, FUNCTION)                                                      \
  OpFoldResult Op::fold(FoldAdaptor adaptor) {                                        \
    return folded(evaluate::unary(Unary::FUNCTION, getType(), adaptor.getOperand())); \
  }
FOLD_UNARY(AbsOp, ABS)
FOLD_UNARY(SignOp, SIGN)
FOLD_UNARY(ExpOp, EXP)
FOLD_UNARY(LogOp, LOG)
FOLD_UNARY(SqrtOp, SQRT)
FOLD_UNARY(RsqrtOp, RSQRT)
FOLD_UNARY(ReciprocalOp, RECIPROCAL)
FOLD_UNARY(TanhOp, TANH)
FOLD_UNARY(ErfOp, ERF)
FOLD_UNARY(SinOp, SIN)
FOLD_UNARY(CosOp, COS)
FOLD_UNARY(TanOp, TAN)
FOLD_UNARY(AsinOp, ASIN)
FOLD_UNARY(AcosOp, ACOS)
FOLD_UNARY(AtanOp, ATAN)
FOLD_UNARY(SinhOp, SINH)
FOLD_UNARY(CoshOp, COSH)
FOLD_UNARY(AsinhOp, ASINH)
FOLD_UNARY(AcoshOp, ACOSH)
FOLD_UNARY(AtanhOp, ATANH)
FOLD_UNARY(FloorOp, FLOOR)
FOLD_UNARY(CeilOp, CEIL)
FOLD_UNARY(RoundOp, ROUND)
FOLD_UNARY(IsNanOp, IS_NAN)
#undef FOLD_UNARY

// Twice is the operand itself.
#define FOLD_INVOLUTION(Op, FUNCTION)                                                 \
  OpFoldResult Op::fold(FoldAdaptor adaptor) {                                        \
    if (auto inner = getOperand().getDefiningOp<Op>()) return inner.getOperand();     \
    return folded(evaluate::unary(Unary::FUNCTION, getType(), adaptor.getOperand())); \
  }
FOLD_INVOLUTION(NegOp, NEG)
FOLD_INVOLUTION(NotOp, NOT)
#undef FOLD_INVOLUTION

OpFoldResult IsInfOp::fold(FoldAdaptor adaptor) {
  // Asked for neither infinity, the answer is always no.
  if (!getPositive() && !getNegative())
    return evaluate::isSmall(getType()) ? folded(DenseElementsAttr::get(getType(), false)) : OpFoldResult();
  Unary function = getPositive() && getNegative() ? Unary::IS_INFINITY
                   : getPositive()                ? Unary::IS_POSITIVE_INFINITY
                                                  : Unary::IS_NEGATIVE_INFINITY;
  return folded(evaluate::unary(function, getType(), adaptor.getOperand()));
}

OpFoldResult ActivationOp::fold(FoldAdaptor adaptor) {
  if (getKind() == ActivationKind::relu)
    if (auto inner = getOperand().getDefiningOp<ActivationOp>(); inner && inner.getKind() == ActivationKind::relu)
      return getOperand();
  return folded(evaluate::activation(getKind(), getAlpha().convertToDouble(), getBeta().convertToDouble(), getType(),
                                     adaptor.getOperand()));
}

namespace {

// Whether every value of `from` is one of `to`.
bool holds(mlir::Type from, mlir::Type to) {
  if (isBool(from)) return isNumber(to);
  if (isInteger(from) && isInteger(to)) {
    unsigned width = from.getIntOrFloatBitWidth(), into = to.getIntOrFloatBitWidth();
    if (from.isUnsignedInteger() == to.isUnsignedInteger()) return width <= into;
    return from.isUnsignedInteger() && width < into;
  }
  if (from.isF16() || from.isBF16()) return to.isF32() || to.isF64();
  return from.isF32() && to.isF64();
}

}  // namespace

OpFoldResult CastOp::fold(FoldAdaptor adaptor) {
  if (getOperand().getType() == getType()) return getOperand();
  if (auto inner = getOperand().getDefiningOp<CastOp>())
    if (inner.getOperand().getType() == getType() &&
        holds(getType().getElementType(), inner.getType().getElementType()))
      return inner.getOperand();
  return folded(evaluate::cast(getSaturate(), getType(), adaptor.getOperand()));
}

OpFoldResult AddOp::fold(FoldAdaptor adaptor) {
  // x + -0.0 is x; x + 0.0 is not, for x = -0.0.
  if (isAll(adaptor.getRhs(), 0, /*negative_zero=*/true))
    if (Value value = same(getLhs(), getType())) return value;
  if (isAll(adaptor.getLhs(), 0, /*negative_zero=*/true))
    if (Value value = same(getRhs(), getType())) return value;
  return folded(evaluate::binary(Binary::ADD, getType(), adaptor.getLhs(), adaptor.getRhs()));
}
OpFoldResult SubOp::fold(FoldAdaptor adaptor) {
  if (isAll(adaptor.getRhs(), 0))
    if (Value value = same(getLhs(), getType())) return value;
  return folded(evaluate::binary(Binary::SUB, getType(), adaptor.getLhs(), adaptor.getRhs()));
}
OpFoldResult MulOp::fold(FoldAdaptor adaptor) {
  if (isAll(adaptor.getRhs(), 1))
    if (Value value = same(getLhs(), getType())) return value;
  if (isAll(adaptor.getLhs(), 1))
    if (Value value = same(getRhs(), getType())) return value;
  return folded(evaluate::binary(Binary::MUL, getType(), adaptor.getLhs(), adaptor.getRhs()));
}
OpFoldResult DivOp::fold(FoldAdaptor adaptor) {
  if (isAll(adaptor.getRhs(), 1))
    if (Value value = same(getLhs(), getType())) return value;
  return folded(evaluate::binary(Binary::DIV, getType(), adaptor.getLhs(), adaptor.getRhs()));
}
OpFoldResult PowOp::fold(FoldAdaptor adaptor) {
  if (isAll(adaptor.getRhs(), 1))
    if (Value value = same(getLhs(), getType())) return value;
  return folded(evaluate::binary(Binary::POW, getType(), adaptor.getLhs(), adaptor.getRhs()));
}

#define FOLD_BINARY(Op, FUNCTION)                                                                     \
  OpFoldResult Op::fold(FoldAdaptor adaptor) {                                                        \
    return folded(evaluate::binary(Binary::FUNCTION, getType(), adaptor.getLhs(), adaptor.getRhs())); \
  }
FOLD_BINARY(MaxOp, MAX)
FOLD_BINARY(MinOp, MIN)
FOLD_BINARY(ShiftLeftOp, SHIFT_LEFT)
FOLD_BINARY(ShiftRightOp, SHIFT_RIGHT)
#undef FOLD_BINARY

// On bools one operand decides: with `neutral` the result is the other operand.
#define FOLD_LOGICAL(Op, FUNCTION, neutral)                                                           \
  OpFoldResult Op::fold(FoldAdaptor adaptor) {                                                        \
    if (isBool(getType().getElementType())) {                                                         \
      if (isAll(adaptor.getRhs(), neutral))                                                           \
        if (Value value = same(getLhs(), getType())) return value;                                    \
      if (isAll(adaptor.getLhs(), neutral))                                                           \
        if (Value value = same(getRhs(), getType())) return value;                                    \
    }                                                                                                 \
    return folded(evaluate::binary(Binary::FUNCTION, getType(), adaptor.getLhs(), adaptor.getRhs())); \
  }
FOLD_LOGICAL(AndOp, AND, 1)
FOLD_LOGICAL(OrOp, OR, 0)
FOLD_LOGICAL(XorOp, XOR, 0)
#undef FOLD_LOGICAL

OpFoldResult ModOp::fold(FoldAdaptor adaptor) {
  return folded(
      evaluate::binary(getFmod() ? Binary::FMOD : Binary::MOD, getType(), adaptor.getLhs(), adaptor.getRhs()));
}

OpFoldResult CompareOp::fold(FoldAdaptor adaptor) {
  return folded(evaluate::compare(getPredicate(), getType(), adaptor.getLhs(), adaptor.getRhs()));
}

OpFoldResult SelectOp::fold(FoldAdaptor adaptor) {
  for (bool choice : {true, false})
    if (isAll(adaptor.getCondition(), choice))
      if (Value value = same(choice ? getOnTrue() : getOnFalse(), getType())) return value;
  if (getOnTrue() == getOnFalse())
    if (Value value = same(getOnTrue(), getType())) return value;
  return folded(evaluate::select(getType(), adaptor.getCondition(), adaptor.getOnTrue(), adaptor.getOnFalse()));
}

}  // namespace plimsoll::graph
