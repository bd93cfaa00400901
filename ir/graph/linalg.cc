#include "ir/graph/linalg.h"

#include <cmath>

namespace plimsoll::graph {
namespace arith = mlir::arith;
namespace tensor = mlir::tensor;
namespace linalg = mlir::linalg;
using mlir::Value;

mlir::Type computeType(mlir::Type element) {
  if (auto number = llvm::dyn_cast<mlir::FloatType>(element))
    return number.getWidth() < 32 ? mlir::Float32Type::get(element.getContext()) : element;
  if (element.isInteger(1)) return element;
  return storageType(element);
}

Value Scalars::constant(mlir::Type type, double value) {
  if (auto number = llvm::dyn_cast<mlir::FloatType>(type)) return make<arith::ConstantOp>(builder.getFloatAttr(number, value));
  // Out of range: the nearest integer there is.
  const unsigned width = type.getIntOrFloatBitWidth();
  if (width == 64 && value >= 0x1p63) return integer(type, INT64_MAX);
  if (value < -0x1p63) return integer(type, INT64_MIN);
  return integer(type, static_cast<int64_t>(value));
}

Value Scalars::integer(mlir::Type type, int64_t value) {
  if (type.isIndex()) return index(value);
  return make<arith::ConstantOp>(mlir::IntegerAttr::get(type, llvm::APInt(type.getIntOrFloatBitWidth(), static_cast<uint64_t>(value), true)));
}

Value Scalars::load(Value stored, mlir::Type element) {
  if (element.isInteger(1)) return compare(arith::CmpIPredicate::ne, stored, integer(stored.getType(), 0));
  if (stored.getType() == computeType(element)) return stored;
  return make<arith::ExtFOp>(computeType(element), stored);
}

Value Scalars::store(Value computed, mlir::Type element) {
  if (element.isInteger(1)) return make<arith::ExtUIOp>(storageType(element), computed);
  if (computed.getType() == storageType(element)) return computed;
  return make<arith::TruncFOp>(storageType(element), computed);
}

Value Scalars::convert(Value value, mlir::Type from, mlir::Type to) {
  const mlir::Type source = value.getType(), target = computeType(to);
  if (to.isInteger(1)) {
    if (from.isInteger(1)) return value;
    if (llvm::isa<mlir::FloatType>(source)) return compare(arith::CmpFPredicate::UNE, value, constant(source, 0));
    return compare(arith::CmpIPredicate::ne, value, integer(source, 0));
  }
  if (llvm::isa<mlir::FloatType>(source) && llvm::isa<mlir::FloatType>(target)) {
    if (source == target) return value;
    if (target.getIntOrFloatBitWidth() > source.getIntOrFloatBitWidth()) return make<arith::ExtFOp>(target, value);
    return make<arith::TruncFOp>(target, value);
  }
  const bool source_unsigned = from.isUnsignedInteger() || from.isInteger(1);
  if (llvm::isa<mlir::FloatType>(source)) {
    if (to.isUnsignedInteger()) return make<arith::FPToUIOp>(target, value);
    return make<arith::FPToSIOp>(target, value);
  }
  if (llvm::isa<mlir::FloatType>(target)) {
    if (source_unsigned) return make<arith::UIToFPOp>(target, value);
    return make<arith::SIToFPOp>(target, value);
  }
  const unsigned a = source.getIntOrFloatBitWidth(), b = target.getIntOrFloatBitWidth();
  if (a == b) return value;
  if (a > b) return make<arith::TruncIOp>(target, value);
  if (source_unsigned) return make<arith::ExtUIOp>(target, value);
  return make<arith::ExtSIOp>(target, value);
}

Value buildMapped(mlir::OpBuilder& builder, mlir::Location location, mlir::ValueRange inputs, llvm::ArrayRef<mlir::AffineMap> maps,
                  llvm::ArrayRef<int64_t> shape, mlir::Type element, const Body& body) {
  llvm::SmallVector<mlir::AffineMap> all(maps.begin(), maps.end());
  all.push_back(builder.getMultiDimIdentityMap(static_cast<unsigned>(shape.size())));
  llvm::SmallVector<mlir::utils::IteratorType> kinds(shape.size(), mlir::utils::IteratorType::parallel);
  Value empty = builder.create<tensor::EmptyOp>(location, shape, element);
  auto generic = builder.create<linalg::GenericOp>(
      location, empty.getType(), inputs, empty, all, kinds,
      [&](mlir::OpBuilder& inner, mlir::Location at, mlir::ValueRange arguments) {
        Scalars scalars{inner, at};
        Value result = body(scalars, arguments.drop_back());
        inner.create<linalg::YieldOp>(at, result);
      });
  return generic.getResult(0);
}

Value buildElementwise(mlir::OpBuilder& builder, mlir::Location location, mlir::ValueRange inputs, llvm::ArrayRef<int64_t> shape,
                       mlir::Type element, const Body& body) {
  llvm::SmallVector<mlir::AffineMap> maps;
  const size_t rank = shape.size();
  for (Value input : inputs) {
    auto in = shapeOf(input);
    llvm::SmallVector<mlir::AffineExpr> at;
    for (size_t d = 0; d < in.size(); ++d) {
      const size_t to = rank - in.size() + d;
      at.push_back(in[d] == 1 && shape[to] != 1 ? builder.getAffineConstantExpr(0) : builder.getAffineDimExpr(static_cast<unsigned>(to)));
    }
    maps.push_back(mlir::AffineMap::get(static_cast<unsigned>(rank), 0, at, builder.getContext()));
  }
  return buildMapped(builder, location, inputs, maps, shape, element, body);
}

Value buildReduction(mlir::OpBuilder& builder, mlir::Location location, Value input, llvm::ArrayRef<int64_t> axes, double init,
                     const std::function<Value(Scalars&, Value, Value)>& combine) {
  llvm::SmallVector<int64_t> shape(shapeOf(input)), reduced(axes.begin(), axes.end());
  if (reduced.empty()) {  // over a dim of size 1
    reduced.push_back(static_cast<int64_t>(shape.size()));
    shape.push_back(1);
    input = buildReshape(builder, location, input, shape);
  }
  const auto rank = static_cast<unsigned>(shape.size());
  llvm::SmallVector<mlir::utils::IteratorType> kinds(rank, mlir::utils::IteratorType::parallel);
  for (int64_t axis : reduced) kinds[axis] = mlir::utils::IteratorType::reduction;
  llvm::SmallVector<int64_t> kept;
  llvm::SmallVector<mlir::AffineExpr> at;
  for (unsigned d = 0; d < rank; ++d) {
    if (kinds[d] == mlir::utils::IteratorType::reduction) continue;
    kept.push_back(shape[d]);
    at.push_back(builder.getAffineDimExpr(d));
  }
  Scalars outside{builder, location};
  const mlir::Type element = elementOf(input);
  Value start = outside.constant(element, init);
  Value empty = builder.create<tensor::EmptyOp>(location, kept, element);
  Value filled = builder.create<linalg::FillOp>(location, start, empty).getResult(0);
  llvm::SmallVector<mlir::AffineMap> maps{builder.getMultiDimIdentityMap(rank), mlir::AffineMap::get(rank, 0, at, builder.getContext())};
  auto generic = builder.create<linalg::GenericOp>(
      location, filled.getType(), input, filled, maps, kinds, [&](mlir::OpBuilder& inner, mlir::Location where, mlir::ValueRange arguments) {
        Scalars scalars{inner, where};
        Value result = combine(scalars, arguments[0], arguments[1]);
        inner.create<linalg::YieldOp>(where, result);
      });
  return generic.getResult(0);
}

Value buildReshape(mlir::OpBuilder& builder, mlir::Location location, Value input, llvm::ArrayRef<int64_t> shape) {
  if (shapeOf(input) == shape) return input;
  const mlir::Type element = elementOf(input);
  auto all = [](size_t rank) {
    llvm::SmallVector<mlir::ReassociationIndices> groups;
    if (rank > 0) {
      groups.emplace_back();
      for (size_t d = 0; d < rank; ++d) groups[0].push_back(static_cast<int64_t>(d));
    }
    return groups;
  };
  int64_t count = 1;
  for (int64_t extent : shape) count *= extent;
  const size_t from = shapeOf(input).size();
  if (shape.empty())
    return builder.create<tensor::CollapseShapeOp>(location, mlir::RankedTensorType::get({}, element), input, llvm::ArrayRef<mlir::ReassociationIndices>{});
  if (from == 0)
    return builder.create<tensor::ExpandShapeOp>(location, mlir::RankedTensorType::get(shape, element), input, llvm::ArrayRef<mlir::ReassociationIndices>{});
  if (from > 1) input = builder.create<tensor::CollapseShapeOp>(location, mlir::RankedTensorType::get({count}, element), input, all(from));
  if (shape.size() > 1) input = builder.create<tensor::ExpandShapeOp>(location, mlir::RankedTensorType::get(shape, element), input, all(shape.size()));
  return input;
}

Value buildLoad(mlir::OpBuilder& builder, mlir::Location location, Value input, mlir::Type element) {
  if (elementOf(input) == computeType(element)) return input;
  return buildElementwise(builder, location, input, shapeOf(input), computeType(element),
                          [&](Scalars& s, mlir::ValueRange x) { return s.load(x[0], element); });
}

}  // namespace plimsoll::graph
