// Reductions as linalg: what is done to each element, then a bare combination, then what is done to the result.
#include "ir/graph/linalg.h"

#include <cmath>

namespace plimsoll::graph {
namespace arith = mlir::arith;
namespace math = mlir::math;
namespace linalg = mlir::linalg;
namespace tensor = mlir::tensor;
using mlir::FailureOr;
using mlir::OpBuilder;
using mlir::Value;
using mlir::ValueRange;

FailureOr<Values> ReduceOp::lowerToLinalg(OpBuilder& builder, ValueRange inputs) {
  const mlir::Location location = getLoc();
  const mlir::Type element = tensorOf(getOperand()).getElementType(), result = tensorOf(getResult()).getElementType();
  const ReduceKind kind = getKind();
  if (!element.isIntOrFloat()) return mlir::failure();
  const bool is_bool = element.isInteger(1);
  if (is_bool && kind != ReduceKind::max && kind != ReduceKind::min) return mlir::failure();
  // bools are compared as bytes
  mlir::Type compute = is_bool ? storageType(element) : computeType(element);
  const bool is_float = llvm::isa<mlir::FloatType>(compute);
  const bool is_unsigned = element.isUnsignedInteger() || is_bool;

  // An integer's l2 is the root of a sum in f64.
  const bool root_of_integers = kind == ReduceKind::l2 && !is_float;
  Value elements = buildElementwise(builder, location, inputs[0], shapeOf(inputs[0]), root_of_integers ? mlir::Type(builder.getF64Type()) : compute, [&](Scalars& s, ValueRange x) -> Value {
    Value v = is_bool ? x[0] : s.load(x[0], element);
    if (root_of_integers) v = s.convert(v, element, builder.getF64Type());
    switch (kind) {
      case ReduceKind::l1:
        if (is_float) return s.make<math::AbsFOp>(v);
        return is_unsigned ? v : s.make<math::AbsIOp>(v);
      case ReduceKind::sum_square:
      case ReduceKind::l2:
        if (is_float || root_of_integers) return s.make<arith::MulFOp>(v, v);
        return s.make<arith::MulIOp>(v, v);
      default: return v;
    }
  });
  if (root_of_integers) compute = builder.getF64Type();
  const bool as_float = is_float || root_of_integers;

  const auto width = static_cast<int>(compute.getIntOrFloatBitWidth());
  double init = 0;
  if (kind == ReduceKind::prod) init = 1;
  if (kind == ReduceKind::max) init = as_float ? -HUGE_VAL : is_unsigned ? 0 : -std::ldexp(1.0, width - 1);
  if (kind == ReduceKind::min) init = as_float ? HUGE_VAL : is_unsigned ? -1 : std::ldexp(1.0, width - 1) - 1;  // -1: all bits
  Value reduced = buildReduction(builder, location, elements, getAxes(), init, [&](Scalars& s, Value x, Value sum) -> Value {
    switch (kind) {
      case ReduceKind::prod: return as_float ? s.make<arith::MulFOp>(x, sum) : s.make<arith::MulIOp>(x, sum);
      case ReduceKind::max:
        if (as_float) return s.make<arith::MaximumFOp>(x, sum);
        return is_unsigned ? s.make<arith::MaxUIOp>(x, sum) : s.make<arith::MaxSIOp>(x, sum);
      case ReduceKind::min:
        if (as_float) return s.make<arith::MinimumFOp>(x, sum);
        return is_unsigned ? s.make<arith::MinUIOp>(x, sum) : s.make<arith::MinSIOp>(x, sum);
      default: return as_float ? s.make<arith::AddFOp>(x, sum) : s.make<arith::AddIOp>(x, sum);
    }
  });

  int64_t count = 1;
  for (int64_t axis : getAxes()) count *= shapeOf(inputs[0])[axis];
  Value finished = buildElementwise(builder, location, reduced, shapeOf(reduced), storageType(result), [&](Scalars& s, ValueRange x) -> Value {
    Value v = x[0];
    if (is_bool) return v;
    if (kind == ReduceKind::l2) v = s.make<math::SqrtOp>(v);
    if (root_of_integers) v = s.convert(v, builder.getF64Type(), element);
    if (kind == ReduceKind::mean) {
      if (is_float) v = s.make<arith::DivFOp>(v, s.constant(compute, static_cast<double>(count)));
      else v = is_unsigned ? s.make<arith::DivUIOp>(v, s.integer(compute, count)) : s.make<arith::DivSIOp>(v, s.integer(compute, count));
    }
    return s.store(v, result);
  });
  return Values{buildReshape(builder, location, finished, tensorOf(getResult()).getShape())};
}

// One linalg.generic with two results. Of equals the first (or last) index is taken whatever the order of combination.
FailureOr<Values> ArgReduceOp::lowerToLinalg(OpBuilder& builder, ValueRange inputs) {
  const mlir::Location location = getLoc();
  const mlir::Type element = tensorOf(getOperand()).getElementType();
  if (!element.isIntOrFloat()) return mlir::failure();
  Value input = element.isInteger(1) ? inputs[0] : buildLoad(builder, location, inputs[0], element);
  const mlir::Type compute = elementOf(input);
  const bool is_float = llvm::isa<mlir::FloatType>(compute), is_unsigned = element.isUnsignedInteger() || element.isInteger(1);
  const auto axis = static_cast<unsigned>(getAxis());
  const auto rank = static_cast<unsigned>(shapeOf(input).size());

  Scalars outside{builder, location};
  const auto width = static_cast<int>(compute.getIntOrFloatBitWidth());
  const double least = is_float ? -HUGE_VAL : is_unsigned ? 0 : -std::ldexp(1.0, width - 1);
  const double most = is_float ? HUGE_VAL : is_unsigned ? -1 : std::ldexp(1.0, width - 1) - 1;
  llvm::SmallVector<int64_t> kept;
  llvm::SmallVector<mlir::AffineExpr> at;
  llvm::SmallVector<mlir::utils::IteratorType> kinds(rank, mlir::utils::IteratorType::parallel);
  kinds[axis] = mlir::utils::IteratorType::reduction;
  for (unsigned d = 0; d < rank; ++d) {
    if (d == axis) continue;
    kept.push_back(shapeOf(input)[d]);
    at.push_back(builder.getAffineDimExpr(d));
  }
  const mlir::Type i64 = builder.getI64Type();
  auto filled = [&](Value value) {
    Value empty = builder.create<tensor::EmptyOp>(location, kept, value.getType());
    return builder.create<linalg::FillOp>(location, value, empty).getResult(0);
  };
  // No index yet: one that loses against any.
  const int64_t none = getLast() ? -1 : INT64_MAX;
  Value values = filled(outside.constant(compute, getLargest() ? least : most)), indices = filled(outside.integer(i64, none));
  mlir::AffineMap out = mlir::AffineMap::get(rank, 0, at, builder.getContext());
  auto generic = builder.create<linalg::GenericOp>(
      location, mlir::TypeRange{values.getType(), indices.getType()}, ValueRange{input}, ValueRange{values, indices},
      llvm::SmallVector<mlir::AffineMap>{builder.getMultiDimIdentityMap(rank), out, out}, kinds,
      [&](OpBuilder& inner, mlir::Location where, ValueRange x) {
        Scalars s{inner, where};
        Value index = s.make<arith::IndexCastOp>(i64, s.make<linalg::IndexOp>(int64_t{axis}));
        Value better, equal;
        if (is_float) {
          better = s.compare(getLargest() ? arith::CmpFPredicate::OGT : arith::CmpFPredicate::OLT, x[0], x[1]);
          equal = s.compare(arith::CmpFPredicate::OEQ, x[0], x[1]);
        } else {
          using P = arith::CmpIPredicate;
          better = s.compare(getLargest() ? (is_unsigned ? P::ugt : P::sgt) : (is_unsigned ? P::ult : P::slt), x[0], x[1]);
          equal = s.compare(P::eq, x[0], x[1]);
        }
        Value earlier = s.compare(getLast() ? arith::CmpIPredicate::sgt : arith::CmpIPredicate::slt, index, x[2]);
        Value take = s.make<arith::OrIOp>(better, s.make<arith::AndIOp>(equal, earlier));
        inner.create<linalg::YieldOp>(where, ValueRange{s.select(take, x[0], x[1]), s.select(take, index, x[2])});
      });
  // Nothing but NaN: index 0.
  Value index = generic.getResult(1);
  Value finished = buildElementwise(builder, location, index, shapeOf(index), i64, [&](Scalars& s, ValueRange x) {
    return s.select(s.compare(arith::CmpIPredicate::eq, x[0], s.integer(i64, none)), s.integer(i64, 0), x[0]);
  });
  return Values{buildReshape(builder, location, finished, tensorOf(getResult()).getShape())};
}

}  // namespace plimsoll::graph
