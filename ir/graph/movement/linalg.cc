// Data movement as linalg and tensor operations: reshapes, slices, padding and concatenation as such (a kernel reads through
// them), gathers as tensor.extract at computed indices. Elements pass as they are in memory.
#include "ir/graph/linalg.h"

namespace plimsoll::graph {
namespace arith = mlir::arith;
namespace linalg = mlir::linalg;
namespace tensor = mlir::tensor;
using mlir::FailureOr;
using mlir::OpBuilder;
using mlir::Value;
using mlir::ValueRange;

namespace {

llvm::ArrayRef<int64_t> resultShape(mlir::Operation* op) { return tensorOf(op->getResult(0)).getShape(); }
mlir::Type storageElement(mlir::Operation* op) { return storageType(tensorOf(op->getResult(0)).getElementType()); }

Value same(Scalars& s, ValueRange x) { return x[0]; }

// An index read from memory, made to lie in [0, extent).
Value readIndex(Scalars& s, Value stored, int64_t extent) {
  Value index = s.make<arith::IndexCastOp>(s.builder.getIndexType(), stored);
  Value zero = s.index(0);
  Value negative = s.compare(arith::CmpIPredicate::slt, index, zero);
  index = s.select(negative, s.make<arith::AddIOp>(index, s.index(extent)), index);
  return s.make<arith::MaxSIOp>(s.make<arith::MinSIOp>(index, s.index(extent - 1)), zero);
}

Values loopIndices(Scalars& s, size_t rank) {
  Values at;
  for (size_t d = 0; d < rank; ++d) at.push_back(s.make<linalg::IndexOp>(static_cast<int64_t>(d)));
  return at;
}

}  // namespace

FailureOr<Values> ReshapeOp::lowerToLinalg(OpBuilder& builder, ValueRange inputs) {
  return Values{buildReshape(builder, getLoc(), inputs[0], resultShape(*this))};
}

FailureOr<Values> TransposeOp::lowerToLinalg(OpBuilder& builder, ValueRange inputs) {
  const size_t rank = getPermutation().size();
  llvm::SmallVector<mlir::AffineExpr> at(rank);
  for (auto [to, from] : llvm::enumerate(getPermutation())) at[from] = builder.getAffineDimExpr(static_cast<unsigned>(to));
  return Values{buildMapped(builder, getLoc(), inputs[0], mlir::AffineMap::get(static_cast<unsigned>(rank), 0, at, getContext()), resultShape(*this),
                            storageElement(*this), same)};
}

FailureOr<Values> ExpandOp::lowerToLinalg(OpBuilder& builder, ValueRange inputs) {
  return Values{buildElementwise(builder, getLoc(), inputs[0], resultShape(*this), storageElement(*this), same)};
}

FailureOr<Values> SliceOp::lowerToLinalg(OpBuilder& builder, ValueRange inputs) {
  auto type = mlir::RankedTensorType::get(resultShape(*this), storageElement(*this));
  Value slice = builder.create<tensor::ExtractSliceOp>(getLoc(), type, inputs[0], ValueRange{}, ValueRange{}, ValueRange{}, getStarts(), getSizes(), getStrides());
  return Values{slice};
}

FailureOr<Values> ConcatOp::lowerToLinalg(OpBuilder& builder, ValueRange inputs) {
  auto type = mlir::RankedTensorType::get(resultShape(*this), storageElement(*this));
  Value concat = builder.create<tensor::ConcatOp>(getLoc(), type, static_cast<int64_t>(getAxis()), inputs);
  return Values{concat};
}

FailureOr<Values> PadOp::lowerToLinalg(OpBuilder& builder, ValueRange inputs) {
  const mlir::Type element = storageElement(*this);
  auto shape = resultShape(*this);
  llvm::SmallVector<int64_t> from(shapeOf(inputs[0]));
  if (!element.isIntOrFloat()) return mlir::failure();
  if (getMode() == PadMode::constant) {
    Scalars outside{builder, getLoc()};
    Value value;
    if (getValue()) value = outside.make<tensor::ExtractOp>(buildReshape(builder, getLoc(), inputs[1], {}), ValueRange{});
    else value = outside.constant(element, 0);
    if (llvm::is_contained(from, 0)) {  // nothing but padding
      return Values{buildElementwise(builder, getLoc(), {}, shape, element, [&](Scalars&, ValueRange) { return value; })};
    }
    llvm::SmallVector<mlir::OpFoldResult> low, high;
    for (int64_t v : getLow()) low.push_back(builder.getIndexAttr(v));
    for (int64_t v : getHigh()) high.push_back(builder.getIndexAttr(v));
    Value padded = builder.create<tensor::PadOp>(getLoc(), mlir::RankedTensorType::get(shape, element), inputs[0], low, high, value);
    return Values{padded};
  }
  return Values{buildElementwise(builder, getLoc(), {}, shape, element, [&](Scalars& s, ValueRange) {
    Values at = loopIndices(s, shape.size());
    for (size_t d = 0; d < shape.size(); ++d) {
      const int64_t low = getLow()[d], extent = from[d];
      if (low == 0 && getHigh()[d] <= 0) continue;
      Value index = s.make<arith::SubIOp>(at[d], s.index(low));
      if (getMode() == PadMode::edge || extent == 1) {
        at[d] = s.make<arith::MaxSIOp>(s.make<arith::MinSIOp>(index, s.index(extent - 1)), s.index(0));
        continue;
      }
      // Moved to where it is positive, by whole periods.
      const int64_t period = getMode() == PadMode::reflect ? 2 * (extent - 1) : extent;
      const int64_t lift = low > 0 ? (low + period - 1) / period * period : 0;
      index = s.make<arith::RemUIOp>(s.make<arith::AddIOp>(index, s.index(lift)), s.index(period));
      if (getMode() == PadMode::reflect) index = s.make<arith::MinUIOp>(index, s.make<arith::SubIOp>(s.index(period), index));
      at[d] = index;
    }
    return s.make<tensor::ExtractOp>(inputs[0], at);
  })};
}

FailureOr<Values> GatherOp::lowerToLinalg(OpBuilder& builder, ValueRange inputs) {
  const auto axis = static_cast<size_t>(getAxis());
  auto shape = resultShape(*this);
  const size_t index_rank = shapeOf(inputs[1]).size(), rank = shape.size();
  const int64_t extent = shapeOf(inputs[0])[axis];
  llvm::SmallVector<mlir::AffineExpr> where;
  for (size_t d = 0; d < index_rank; ++d) where.push_back(builder.getAffineDimExpr(static_cast<unsigned>(axis + d)));
  auto map = mlir::AffineMap::get(static_cast<unsigned>(rank), 0, where, getContext());
  return Values{buildMapped(builder, getLoc(), inputs[1], map, shape, storageElement(*this), [&](Scalars& s, ValueRange x) {
    Values loops = loopIndices(s, rank), at;
    for (size_t d = 0; d < axis; ++d) at.push_back(loops[d]);
    at.push_back(readIndex(s, x[0], extent));
    for (size_t d = axis + index_rank; d < rank; ++d) at.push_back(loops[d]);
    return s.make<tensor::ExtractOp>(inputs[0], at);
  })};
}

FailureOr<Values> GatherElementsOp::lowerToLinalg(OpBuilder& builder, ValueRange inputs) {
  auto shape = resultShape(*this);
  const auto axis = static_cast<size_t>(getAxis());
  return Values{buildElementwise(builder, getLoc(), inputs[1], shape, storageElement(*this), [&](Scalars& s, ValueRange x) {
    Values at = loopIndices(s, shape.size());
    at[axis] = readIndex(s, x[0], shapeOf(inputs[0])[axis]);
    return s.make<tensor::ExtractOp>(inputs[0], at);
  })};
}

FailureOr<Values> GatherNdOp::lowerToLinalg(OpBuilder& builder, ValueRange inputs) {
  auto shape = resultShape(*this);
  auto data = shapeOf(inputs[0]), indices = shapeOf(inputs[1]);
  const auto batch = static_cast<size_t>(getBatchDims());
  const size_t outer = indices.size() - 1;
  const int64_t depth = indices.back();
  return Values{buildElementwise(builder, getLoc(), {}, shape, storageElement(*this), [&](Scalars& s, ValueRange) {
    Values loops = loopIndices(s, shape.size()), at(loops.begin(), loops.begin() + static_cast<int64_t>(batch));
    for (int64_t k = 0; k < depth; ++k) {
      Values where(loops.begin(), loops.begin() + static_cast<int64_t>(outer));
      where.push_back(s.index(k));
      at.push_back(readIndex(s, s.make<tensor::ExtractOp>(inputs[1], where), data[batch + static_cast<size_t>(k)]));
    }
    for (size_t d = outer; d < shape.size(); ++d) at.push_back(loops[d]);
    return s.make<tensor::ExtractOp>(inputs[0], at);
  })};
}

FailureOr<Values> IotaOp::lowerToLinalg(OpBuilder& builder, ValueRange inputs) {
  const mlir::Type element = tensorOf(getResult()).getElementType();
  if (!element.isIntOrFloat()) return mlir::failure();
  const double start = getStart().convertToDouble(), step = getStep().convertToDouble();
  return Values{buildElementwise(builder, getLoc(), {}, resultShape(*this), storageType(element), [&](Scalars& s, ValueRange) {
    Value index = s.make<arith::IndexCastOp>(builder.getI64Type(), s.make<linalg::IndexOp>(static_cast<int64_t>(getAxis())));
    if (llvm::isa<mlir::FloatType>(element)) {
      const mlir::Type type = builder.getF64Type();
      Value x = s.make<arith::SIToFPOp>(type, index);
      x = s.make<arith::AddFOp>(s.make<arith::MulFOp>(x, s.constant(type, step)), s.constant(type, start));
      return s.store(s.convert(x, type, element), element);
    }
    const mlir::Type type = builder.getI64Type();
    Value x = s.make<arith::AddIOp>(s.make<arith::MulIOp>(index, s.constant(type, step)), s.constant(type, start));
    return s.store(s.convert(x, type, element), element);
  })};
}

}  // namespace plimsoll::graph
