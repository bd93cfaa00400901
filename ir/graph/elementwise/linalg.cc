// Elementwise operations as linalg. Floats below 32 bits are computed in f32.
#include "ir/graph/linalg.h"

#include <numbers>

namespace plimsoll::graph {
namespace arith = mlir::arith;
namespace math = mlir::math;
using mlir::FailureOr;
using mlir::OpBuilder;
using mlir::Value;
using mlir::ValueRange;
using F = arith::CmpFPredicate;
using I = arith::CmpIPredicate;

namespace {

mlir::Type elementType(Value graph_value) { return tensorOf(graph_value).getElementType(); }

// result[i] = body(operands[i]), in the types to compute in. `body` may return null: no such computation on these types.
using Compute = std::function<Value(Scalars&, ValueRange)>;
FailureOr<Values> lower(mlir::Operation* op, OpBuilder& builder, ValueRange inputs, const Compute& compute) {
  bool known = true;
  const mlir::Type result = elementType(op->getResult(0));
  if (!result.isIntOrFloat()) return mlir::failure();
  for (Value operand : op->getOperands())
    if (!elementType(operand).isIntOrFloat()) return mlir::failure();
  Value lowered = buildElementwise(builder, op->getLoc(), inputs, tensorOf(op->getResult(0)).getShape(), storageType(result),
                                   [&](Scalars& s, ValueRange stored) {
                                     Values loaded;
                                     for (auto [value, operand] : llvm::zip(stored, op->getOperands()))
                                       loaded.push_back(s.load(value, elementType(operand)));
                                     Value value = compute(s, loaded);
                                     known = known && value;
                                     return value ? s.store(value, result) : stored[0];
                                   });
  if (!known) return mlir::failure();
  return Values{lowered};
}

bool isFloat(Value value) { return llvm::isa<mlir::FloatType>(value.getType()); }
bool isUnsigned(Value graph_value) { return elementType(graph_value).isUnsignedInteger() || elementType(graph_value).isInteger(1); }

// max(x, 0) that keeps NaN.
Value clampBelow(Scalars& s, Value x, Value low) { return s.select(s.compare(F::OLT, x, low), low, x); }
Value clampAbove(Scalars& s, Value x, Value high) { return s.select(s.compare(F::OGT, x, high), high, x); }

Value add(Scalars& s, Value a, Value b) { return s.make<arith::AddFOp>(a, b); }
Value mul(Scalars& s, Value a, Value b) { return s.make<arith::MulFOp>(a, b); }
Value div(Scalars& s, Value a, Value b) { return s.make<arith::DivFOp>(a, b); }

// 1 / (1 + e^-x). In f32 the rational minimax fit of Eigen's scalar_logistic_op, evaluated as onnxruntime's MLAS does, to
// the last bit: a quantized network rounds what follows, and another last bit may round to another integer. Absolute
// error 1.2e-7; outside of [-18, 18] it is 0 or 1.
Value sigmoid(Scalars& s, Value x) {
  const mlir::Type type = x.getType();
  auto c = [&](double v) { return s.constant(type, v); };
  if (!type.isF32()) return div(s, c(1), add(s, c(1), s.make<math::ExpOp>(s.make<arith::NegFOp>(x))));
  x = clampAbove(s, clampBelow(s, x, c(-18)), c(18));
  Value square = mul(s, x, x);
  auto polynomial = [&](llvm::ArrayRef<double> coefficients) {  // in x^2, the highest degree first
    Value sum = c(coefficients[0]);
    for (double coefficient : coefficients.drop_front()) sum = s.make<math::FmaOp>(sum, square, c(coefficient));
    return sum;
  };
  Value odd = polynomial({4.37031012579801e-11, 1.15627324459942e-07, 6.08574864600143e-05, 8.51377133304701e-03, 2.48287947061529e-01});
  Value even = polynomial({6.10247389755681e-13, 5.76102136993427e-09, 6.29106785017040e-06, 1.70198817374094e-03,
                           1.16817656904453e-01, 9.93151921023180e-01});
  Value y = add(s, div(s, mul(s, odd, x), even), c(0.5));
  return clampAbove(s, clampBelow(s, y, c(0)), c(1));
}

Value activate(Scalars& s, ActivationKind kind, double alpha, double beta, Value x) {
  const mlir::Type type = x.getType();
  auto c = [&](double v) { return s.constant(type, v); };
  auto hard_sigmoid = [&](double a, double b) { return clampAbove(s, clampBelow(s, add(s, mul(s, x, c(a)), c(b)), c(0)), c(1)); };
  switch (kind) {
    case ActivationKind::relu: return clampBelow(s, x, c(0));
    case ActivationKind::leaky_relu: return s.select(s.compare(F::OLT, x, c(0)), mul(s, x, c(alpha)), x);
    case ActivationKind::elu: return s.select(s.compare(F::OLT, x, c(0)), mul(s, c(alpha), s.make<math::ExpM1Op>(x)), x);
    case ActivationKind::sigmoid: return sigmoid(s, x);
    case ActivationKind::hard_sigmoid: return hard_sigmoid(alpha, beta);
    case ActivationKind::hard_swish: return mul(s, x, hard_sigmoid(1.0 / 6, 0.5));
    case ActivationKind::silu: return mul(s, x, sigmoid(s, mul(s, x, c(alpha))));
    case ActivationKind::gelu_erf:
      return mul(s, mul(s, c(0.5), x), add(s, c(1), s.make<math::ErfOp>(mul(s, x, c(1 / std::numbers::sqrt2)))));
    case ActivationKind::gelu_tanh: {
      Value cube = mul(s, mul(s, x, x), x);
      Value inner = mul(s, c(0.7978845608028654), add(s, x, mul(s, c(0.044715), cube)));
      return mul(s, mul(s, c(0.5), x), add(s, c(1), s.make<math::TanhOp>(inner)));
    }
    case ActivationKind::softplus: {
      Value decay = s.make<math::ExpOp>(s.make<arith::NegFOp>(s.make<math::AbsFOp>(x)));
      return add(s, clampBelow(s, x, c(0)), s.make<math::Log1pOp>(decay));
    }
    case ActivationKind::mish: {  // x tanh(log(1 + e^x)) = x n / (n + 2), n = e^x (e^x + 2)
      Value e = s.make<math::ExpOp>(clampAbove(s, x, c(20)));
      Value n = mul(s, e, add(s, e, c(2)));
      return mul(s, x, div(s, n, add(s, n, c(2))));
    }
    case ActivationKind::clip: return clampAbove(s, clampBelow(s, x, c(alpha)), c(beta));
  }
  return nullptr;
}

Value activateInteger(Scalars& s, ActivationKind kind, double alpha, double beta, Value x, bool is_unsigned) {
  auto larger = [&](Value a, Value b) { return is_unsigned ? s.make<arith::MaxUIOp>(a, b) : s.make<arith::MaxSIOp>(a, b); };
  auto smaller = [&](Value a, Value b) { return is_unsigned ? s.make<arith::MinUIOp>(a, b) : s.make<arith::MinSIOp>(a, b); };
  const unsigned width = x.getType().getIntOrFloatBitWidth();
  auto bound = [&](double v) {
    const double least = is_unsigned ? 0 : -std::ldexp(1.0, static_cast<int>(width) - 1);
    const double most = std::ldexp(1.0, static_cast<int>(width) - (is_unsigned ? 0 : 1));
    if (v >= most) return s.integer(x.getType(), is_unsigned ? -1 : static_cast<int64_t>(~uint64_t{0} >> (65 - width)));
    return s.constant(x.getType(), std::max(v, least));
  };
  if (kind == ActivationKind::relu) return larger(x, s.integer(x.getType(), 0));
  if (kind == ActivationKind::clip) return smaller(larger(x, bound(alpha)), bound(beta));
  return nullptr;
}

// base^exponent of integers modulo 2^width, by squaring; a negative exponent leaves 1, -1 or 0.
Value integerPower(Scalars& s, Value base, Value exponent, bool negative_possible) {
  const mlir::Type type = base.getType();
  Value one = s.integer(type, 1), zero = s.integer(type, 0);
  Value result = one, square = base, bits = exponent;
  Value bit_type_one = s.integer(exponent.getType(), 1), bit_type_zero = s.integer(exponent.getType(), 0);
  for (int i = 0; i < 6; ++i) {
    Value odd = s.compare(I::ne, s.make<arith::AndIOp>(bits, bit_type_one), bit_type_zero);
    result = s.make<arith::MulIOp>(result, s.select(odd, square, one));
    square = s.make<arith::MulIOp>(square, square);
    bits = s.make<arith::ShRUIOp>(bits, bit_type_one);
  }
  if (!negative_possible) return result;
  Value minus = s.integer(type, -1);
  Value odd = s.compare(I::ne, s.make<arith::AndIOp>(exponent, bit_type_one), bit_type_zero);
  Value inverse = s.select(s.compare(I::eq, base, one), one, s.select(s.compare(I::eq, base, minus), s.select(odd, minus, one), zero));
  return s.select(s.compare(I::slt, exponent, bit_type_zero), inverse, result);
}

double largestFinite(mlir::Type element) {
  auto number = llvm::cast<mlir::FloatType>(element);
  return llvm::APFloat::getLargest(number.getFloatSemantics()).convertToDouble();
}

}  // namespace

#define FLOAT_UNARY(NAME, EXPRESSION)                                                                                   \
  FailureOr<Values> NAME##Op::lowerToLinalg(OpBuilder& builder, ValueRange inputs) {                                    \
    return lower(*this, builder, inputs, [&](Scalars& s, ValueRange x) -> Value {                                       \
      if (!isFloat(x[0])) return nullptr;                                                                               \
      return EXPRESSION;                                                                                                \
    });                                                                                                                 \
  }
FLOAT_UNARY(Exp, s.make<math::ExpOp>(x[0]))
FLOAT_UNARY(Log, s.make<math::LogOp>(x[0]))
FLOAT_UNARY(Sqrt, s.make<math::SqrtOp>(x[0]))
FLOAT_UNARY(Rsqrt, s.make<math::RsqrtOp>(x[0]))
FLOAT_UNARY(Reciprocal, div(s, s.constant(x[0].getType(), 1), x[0]))
FLOAT_UNARY(Tanh, s.make<math::TanhOp>(x[0]))
FLOAT_UNARY(Erf, s.make<math::ErfOp>(x[0]))
FLOAT_UNARY(Sin, s.make<math::SinOp>(x[0]))
FLOAT_UNARY(Cos, s.make<math::CosOp>(x[0]))
FLOAT_UNARY(Tan, s.make<math::TanOp>(x[0]))
FLOAT_UNARY(Asin, s.make<math::AsinOp>(x[0]))
FLOAT_UNARY(Acos, s.make<math::AcosOp>(x[0]))
FLOAT_UNARY(Atan, s.make<math::AtanOp>(x[0]))
FLOAT_UNARY(Sinh, s.make<math::SinhOp>(x[0]))
FLOAT_UNARY(Cosh, s.make<math::CoshOp>(x[0]))
FLOAT_UNARY(Asinh, s.make<math::AsinhOp>(x[0]))
FLOAT_UNARY(Acosh, s.make<math::AcoshOp>(x[0]))
FLOAT_UNARY(Atanh, s.make<math::AtanhOp>(x[0]))
FLOAT_UNARY(IsNan, s.compare(F::UNO, x[0], x[0]))
#undef FLOAT_UNARY

#define FLOAT_OR_SAME(NAME, OP)                                                                                         \
  FailureOr<Values> NAME##Op::lowerToLinalg(OpBuilder& builder, ValueRange inputs) {                                    \
    return lower(*this, builder, inputs, [&](Scalars& s, ValueRange x) -> Value { return isFloat(x[0]) ? s.make<OP>(x[0]) : x[0]; }); \
  }
FLOAT_OR_SAME(Floor, math::FloorOp)
FLOAT_OR_SAME(Ceil, math::CeilOp)
FLOAT_OR_SAME(Round, math::RoundEvenOp)
#undef FLOAT_OR_SAME

FailureOr<Values> AbsOp::lowerToLinalg(OpBuilder& builder, ValueRange inputs) {
  return lower(*this, builder, inputs, [&](Scalars& s, ValueRange x) -> Value {
    if (isFloat(x[0])) return s.make<math::AbsFOp>(x[0]);
    return isUnsigned(getOperand()) ? x[0] : s.make<math::AbsIOp>(x[0]);
  });
}
FailureOr<Values> NegOp::lowerToLinalg(OpBuilder& builder, ValueRange inputs) {
  return lower(*this, builder, inputs, [&](Scalars& s, ValueRange x) -> Value {
    if (isFloat(x[0])) return s.make<arith::NegFOp>(x[0]);
    return s.make<arith::SubIOp>(s.integer(x[0].getType(), 0), x[0]);
  });
}
FailureOr<Values> SignOp::lowerToLinalg(OpBuilder& builder, ValueRange inputs) {
  return lower(*this, builder, inputs, [&](Scalars& s, ValueRange x) -> Value {
    const mlir::Type type = x[0].getType();
    if (isFloat(x[0])) {
      Value zero = s.constant(type, 0);
      Value negative = s.select(s.compare(F::OLT, x[0], zero), s.constant(type, -1), x[0]);
      return s.select(s.compare(F::OGT, x[0], zero), s.constant(type, 1), negative);
    }
    Value zero = s.integer(type, 0);
    if (isUnsigned(getOperand())) return s.select(s.compare(I::ne, x[0], zero), s.integer(type, 1), zero);
    Value negative = s.select(s.compare(I::slt, x[0], zero), s.integer(type, -1), zero);
    return s.select(s.compare(I::sgt, x[0], zero), s.integer(type, 1), negative);
  });
}
FailureOr<Values> NotOp::lowerToLinalg(OpBuilder& builder, ValueRange inputs) {
  return lower(*this, builder, inputs, [&](Scalars& s, ValueRange x) -> Value {
    if (isFloat(x[0])) return nullptr;
    return s.make<arith::XOrIOp>(x[0], s.integer(x[0].getType(), -1));
  });
}
FailureOr<Values> IsInfOp::lowerToLinalg(OpBuilder& builder, ValueRange inputs) {
  return lower(*this, builder, inputs, [&](Scalars& s, ValueRange x) -> Value {
    if (!isFloat(x[0])) return nullptr;
    Value plus = s.constant(x[0].getType(), HUGE_VAL), minus = s.constant(x[0].getType(), -HUGE_VAL);
    if (!getPositive() && !getNegative()) return s.integer(builder.getI1Type(), 0);
    if (!getNegative()) return s.compare(F::OEQ, x[0], plus);
    if (!getPositive()) return s.compare(F::OEQ, x[0], minus);
    return s.compare(F::OEQ, s.make<math::AbsFOp>(x[0]), plus);
  });
}
FailureOr<Values> ActivationOp::lowerToLinalg(OpBuilder& builder, ValueRange inputs) {
  const double alpha = getAlpha().convertToDouble(), beta = getBeta().convertToDouble();
  return lower(*this, builder, inputs, [&](Scalars& s, ValueRange x) -> Value {
    if (isFloat(x[0])) return activate(s, getKind(), alpha, beta, x[0]);
    return activateInteger(s, getKind(), alpha, beta, x[0], isUnsigned(getOperand()));
  });
}
FailureOr<Values> CastOp::lowerToLinalg(OpBuilder& builder, ValueRange inputs) {
  const mlir::Type from = elementType(getOperand()), to = elementType(getResult());
  return lower(*this, builder, inputs, [&](Scalars& s, ValueRange x) -> Value {
    Value value = s.convert(x[0], from, to);
    auto number = llvm::dyn_cast<mlir::FloatType>(to);
    if (number && number.getWidth() == 8 && getSaturate()) {
      const double most = largestFinite(to);
      value = clampAbove(s, clampBelow(s, value, s.constant(value.getType(), -most)), s.constant(value.getType(), most));
    }
    return value;
  });
}

#define BINARY(NAME, FLOAT_OP, SIGNED_OP, UNSIGNED_OP)                                                                  \
  FailureOr<Values> NAME##Op::lowerToLinalg(OpBuilder& builder, ValueRange inputs) {                                    \
    return lower(*this, builder, inputs, [&](Scalars& s, ValueRange x) -> Value {                                       \
      if (isFloat(x[0])) return s.make<FLOAT_OP>(x[0], x[1]);                                                           \
      return isUnsigned(getLhs()) ? s.make<UNSIGNED_OP>(x[0], x[1]) : s.make<SIGNED_OP>(x[0], x[1]);                    \
    });                                                                                                                 \
  }
BINARY(Add, arith::AddFOp, arith::AddIOp, arith::AddIOp)
BINARY(Sub, arith::SubFOp, arith::SubIOp, arith::SubIOp)
BINARY(Mul, arith::MulFOp, arith::MulIOp, arith::MulIOp)
BINARY(Div, arith::DivFOp, arith::DivSIOp, arith::DivUIOp)
BINARY(Max, arith::MaximumFOp, arith::MaxSIOp, arith::MaxUIOp)
BINARY(Min, arith::MinimumFOp, arith::MinSIOp, arith::MinUIOp)
#undef BINARY

#define BITWISE(NAME, SIGNED_OP, UNSIGNED_OP)                                                                           \
  FailureOr<Values> NAME##Op::lowerToLinalg(OpBuilder& builder, ValueRange inputs) {                                    \
    return lower(*this, builder, inputs, [&](Scalars& s, ValueRange x) -> Value {                                       \
      if (isFloat(x[0])) return nullptr;                                                                                \
      return isUnsigned(getLhs()) ? s.make<UNSIGNED_OP>(x[0], x[1]) : s.make<SIGNED_OP>(x[0], x[1]);                    \
    });                                                                                                                 \
  }
BITWISE(And, arith::AndIOp, arith::AndIOp)
BITWISE(Or, arith::OrIOp, arith::OrIOp)
BITWISE(Xor, arith::XOrIOp, arith::XOrIOp)
BITWISE(ShiftLeft, arith::ShLIOp, arith::ShLIOp)
BITWISE(ShiftRight, arith::ShRSIOp, arith::ShRUIOp)
#undef BITWISE

FailureOr<Values> PowOp::lowerToLinalg(OpBuilder& builder, ValueRange inputs) {
  const mlir::Type base = elementType(getLhs()), exponent = elementType(getRhs());
  std::optional<double> fixed;
  if (auto constant = constantOf(getRhs()); constant && constant.isSplat()) {
    mlir::Attribute value = constant.getSplatValue<mlir::Attribute>();
    if (auto number = llvm::dyn_cast<mlir::FloatAttr>(value)) fixed = number.getValueAsDouble();
    else if (auto integer = llvm::dyn_cast<mlir::IntegerAttr>(value)) fixed = integer.getValue().signedRoundToDouble();
  }
  return lower(*this, builder, inputs, [&](Scalars& s, ValueRange x) -> Value {
    if (isFloat(x[0])) {
      if (fixed == 1.0) return x[0];
      if (fixed == 2.0) return mul(s, x[0], x[0]);
      if (fixed == 3.0) return mul(s, mul(s, x[0], x[0]), x[0]);
      if (fixed == 0.5) return s.make<math::SqrtOp>(x[0]);
      if (fixed == -0.5) return s.make<math::RsqrtOp>(x[0]);
      if (fixed == -1.0) return div(s, s.constant(x[0].getType(), 1), x[0]);
      return s.make<math::PowFOp>(x[0], s.convert(x[1], exponent, x[0].getType()));
    }
    if (!isFloat(x[1])) return integerPower(s, x[0], x[1], !exponent.isUnsignedInteger());
    const mlir::Type wide = builder.getF64Type();
    Value power = s.make<math::PowFOp>(s.convert(x[0], base, wide), s.convert(x[1], exponent, wide));
    return s.convert(power, wide, base);
  });
}
FailureOr<Values> ModOp::lowerToLinalg(OpBuilder& builder, ValueRange inputs) {
  return lower(*this, builder, inputs, [&](Scalars& s, ValueRange x) -> Value {
    Value zero = s.constant(x[0].getType(), 0);
    if (isFloat(x[0])) {
      Value rest = s.make<arith::RemFOp>(x[0], x[1]);
      if (getFmod()) return rest;
      Value differ = s.make<arith::XOrIOp>(s.compare(F::OLT, rest, zero), s.compare(F::OLT, x[1], zero));
      Value moved = s.make<arith::AndIOp>(s.compare(F::UNE, rest, zero), differ);
      return s.select(moved, add(s, rest, x[1]), rest);
    }
    if (isUnsigned(getLhs())) return s.make<arith::RemUIOp>(x[0], x[1]);
    Value rest = s.make<arith::RemSIOp>(x[0], x[1]);
    if (getFmod()) return rest;
    Value differ = s.make<arith::XOrIOp>(s.compare(I::slt, rest, zero), s.compare(I::slt, x[1], zero));
    Value moved = s.make<arith::AndIOp>(s.compare(I::ne, rest, zero), differ);
    return s.select(moved, s.make<arith::AddIOp>(rest, x[1]), rest);
  });
}
FailureOr<Values> CompareOp::lowerToLinalg(OpBuilder& builder, ValueRange inputs) {
  return lower(*this, builder, inputs, [&](Scalars& s, ValueRange x) -> Value {
    const bool is_unsigned = isUnsigned(getLhs());
    F number = F::OEQ;
    I integer = I::eq;
    switch (getPredicate()) {
      case ComparePredicate::eq: number = F::OEQ; integer = I::eq; break;
      case ComparePredicate::ne: number = F::UNE; integer = I::ne; break;
      case ComparePredicate::lt: number = F::OLT; integer = is_unsigned ? I::ult : I::slt; break;
      case ComparePredicate::le: number = F::OLE; integer = is_unsigned ? I::ule : I::sle; break;
      case ComparePredicate::gt: number = F::OGT; integer = is_unsigned ? I::ugt : I::sgt; break;
      case ComparePredicate::ge: number = F::OGE; integer = is_unsigned ? I::uge : I::sge; break;
    }
    return isFloat(x[0]) ? s.compare(number, x[0], x[1]) : s.compare(integer, x[0], x[1]);
  });
}
FailureOr<Values> SelectOp::lowerToLinalg(OpBuilder& builder, ValueRange inputs) {
  const mlir::Type result = storageType(elementType(getResult()));
  if (!result.isIntOrFloat()) return mlir::failure();
  // Elements pass as they are in memory.
  return Values{buildElementwise(builder, getLoc(), inputs, tensorOf(getResult()).getShape(), result, [&](Scalars& s, ValueRange x) {
    return s.select(s.compare(I::ne, x[0], s.integer(x[0].getType(), 0)), x[1], x[2]);
  })};
}

}  // namespace plimsoll::graph
