// Softmax and the normalizations as linalg: statistics of rows in f32 (f64 for f64), then one operation over all elements.
#include "ir/graph/linalg.h"

#include <cmath>

namespace plimsoll::graph {
namespace arith = mlir::arith;
namespace math = mlir::math;
using mlir::FailureOr;
using mlir::OpBuilder;
using mlir::Value;
using mlir::ValueRange;

namespace {

using Shape = llvm::SmallVector<int64_t>;

// A value for each row: `rows` with the reduced axes put back as 1, so that it broadcasts.
Value keepDims(OpBuilder& builder, mlir::Location location, Value rows, llvm::ArrayRef<int64_t> shape, llvm::ArrayRef<int64_t> axes) {
  Shape kept(shape);
  for (int64_t axis : axes) kept[axis] = 1;
  return buildReshape(builder, location, rows, kept);
}

Value sumOver(OpBuilder& builder, mlir::Location location, Value x, llvm::ArrayRef<int64_t> axes) {
  return buildReduction(builder, location, x, axes, 0, [](Scalars& s, Value element, Value sum) { return s.make<arith::AddFOp>(element, sum); });
}

struct Statistics { Value mean, rstd; };  // of rows, with the reduced axes as 1; mean is null if not `centered`
Statistics statistics(OpBuilder& builder, mlir::Location location, Value x, llvm::ArrayRef<int64_t> axes, double epsilon, bool centered) {
  const mlir::Type type = elementOf(x);
  const Shape shape(shapeOf(x));
  double count = 1;
  for (int64_t axis : axes) count *= static_cast<double>(shape[axis]);
  Statistics result;
  Value deviation = x;
  if (centered) {
    Value sum = sumOver(builder, location, x, axes);
    Value mean = buildElementwise(builder, location, sum, shapeOf(sum), type, [&](Scalars& s, ValueRange v) {
      return s.make<arith::MulFOp>(v[0], s.constant(type, 1 / count));
    });
    result.mean = keepDims(builder, location, mean, shape, axes);
    deviation = buildElementwise(builder, location, {x, result.mean}, shape, type, [](Scalars& s, ValueRange v) { return s.make<arith::SubFOp>(v[0], v[1]); });
  }
  Value square = buildElementwise(builder, location, deviation, shape, type, [](Scalars& s, ValueRange v) { return s.make<arith::MulFOp>(v[0], v[0]); });
  Value sum = sumOver(builder, location, square, axes);
  Value rstd = buildElementwise(builder, location, sum, shapeOf(sum), type, [&](Scalars& s, ValueRange v) {
    Value variance = s.make<arith::MulFOp>(v[0], s.constant(type, 1 / count));
    return s.make<math::RsqrtOp>(s.make<arith::AddFOp>(variance, s.constant(type, epsilon)));
  });
  result.rstd = keepDims(builder, location, rstd, shape, axes);
  return result;
}

// (x - mean) * rstd * scale + bias; what is null is left out.
Value normalize(OpBuilder& builder, mlir::Location location, Value x, const Statistics& rows, Value scale, Value bias, mlir::Type parameters, mlir::Type result) {
  Values inputs{x, rows.rstd};
  const bool centered = static_cast<bool>(rows.mean);
  if (centered) inputs.push_back(rows.mean);
  inputs.push_back(scale);
  if (bias) inputs.push_back(bias);
  return buildElementwise(builder, location, inputs, shapeOf(x), storageType(result), [&](Scalars& s, ValueRange v) {
    size_t next = 2;
    Value y = v[0];
    if (centered) y = s.make<arith::SubFOp>(y, v[next++]);
    y = s.make<arith::MulFOp>(y, v[1]);
    y = s.make<arith::MulFOp>(y, s.convert(s.load(v[next++], parameters), parameters, y.getType()));
    if (bias) y = s.make<arith::AddFOp>(y, s.convert(s.load(v[next++], parameters), parameters, y.getType()));
    return s.store(s.convert(y, y.getType(), result), result);
  });
}

Shape trailing(int64_t axis, int64_t rank) {
  Shape axes;
  for (int64_t d = axis; d < rank; ++d) axes.push_back(d);
  return axes;
}

bool isFloat(Value graph_value) { return llvm::isa<mlir::FloatType>(tensorOf(graph_value).getElementType()); }

}  // namespace

FailureOr<Values> SoftmaxOp::lowerToLinalg(OpBuilder& builder, ValueRange inputs) {
  if (!isFloat(getOperand())) return mlir::failure();
  const mlir::Location location = getLoc();
  const mlir::Type element = tensorOf(getOperand()).getElementType();
  const Shape shape(shapeOf(inputs[0])), axes{static_cast<int64_t>(getAxis())};
  Value x = buildLoad(builder, location, inputs[0], element);
  const mlir::Type type = elementOf(x);
  // A NaN need not show in the maximum: it shows in the sum.
  Value largest = buildReduction(builder, location, x, axes, -HUGE_VAL,
                                 [](Scalars& s, Value e, Value most) { return s.make<arith::MaxNumFOp>(e, most); });
  largest = keepDims(builder, location, largest, shape, axes);
  Value exponential = buildElementwise(builder, location, {x, largest}, shape, type, [](Scalars& s, ValueRange v) {
    return s.make<math::ExpOp>(s.make<arith::SubFOp>(v[0], v[1]));
  });
  Value sum = sumOver(builder, location, exponential, axes);
  const bool log = getLog();
  Value scale = buildElementwise(builder, location, sum, shapeOf(sum), type, [&](Scalars& s, ValueRange v) -> Value {
    if (log) return s.make<math::LogOp>(v[0]);
    return s.make<arith::DivFOp>(s.constant(type, 1), v[0]);
  });
  scale = keepDims(builder, location, scale, shape, axes);
  if (log) {
    return Values{buildElementwise(builder, location, {x, largest, scale}, shape, element, [&](Scalars& s, ValueRange v) {
      return s.store(s.make<arith::SubFOp>(s.make<arith::SubFOp>(v[0], v[1]), v[2]), element);
    })};
  }
  return Values{buildElementwise(builder, location, {exponential, scale}, shape, element, [&](Scalars& s, ValueRange v) {
    return s.store(s.make<arith::MulFOp>(v[0], v[1]), element);
  })};
}

FailureOr<Values> LayerNormOp::lowerToLinalg(OpBuilder& builder, ValueRange inputs) {
  if (!isFloat(getOperand())) return mlir::failure();
  const mlir::Type element = tensorOf(getOperand()).getElementType(), result = tensorOf(getOperation()->getResult(0)).getElementType();
  Value x = buildLoad(builder, getLoc(), inputs[0], element);
  const Shape axes = trailing(getAxis(), tensorOf(x).getRank());
  const Statistics rows = statistics(builder, getLoc(), x, axes, getEpsilon().convertToDouble(), /*centered=*/true);
  return Values{normalize(builder, getLoc(), x, rows, inputs[1], getBias() ? inputs[2] : nullptr, tensorOf(getScale()).getElementType(), result)};
}

FailureOr<Values> RmsNormOp::lowerToLinalg(OpBuilder& builder, ValueRange inputs) {
  if (!isFloat(getOperand())) return mlir::failure();
  const mlir::Type element = tensorOf(getOperand()).getElementType(), result = tensorOf(getOperation()->getResult(0)).getElementType();
  Value x = buildLoad(builder, getLoc(), inputs[0], element);
  const Shape axes = trailing(getAxis(), tensorOf(x).getRank());
  const Statistics rows = statistics(builder, getLoc(), x, axes, getEpsilon().convertToDouble(), /*centered=*/false);
  return Values{normalize(builder, getLoc(), x, rows, inputs[1], nullptr, tensorOf(getScale()).getElementType(), result)};
}

FailureOr<Values> GroupNormOp::lowerToLinalg(OpBuilder& builder, ValueRange inputs) {
  if (!isFloat(getOperand())) return mlir::failure();
  const mlir::Type element = tensorOf(getOperand()).getElementType();
  const Shape shape(shapeOf(inputs[0]));
  const auto groups = static_cast<int64_t>(getGroups());
  if (shape.size() < 2 || groups == 0 || shape[1] % groups != 0) return mlir::failure();
  int64_t spatial = 1;
  for (size_t d = 2; d < shape.size(); ++d) spatial *= shape[d];
  const Shape grouped{shape[0], groups, shape[1] / groups, spatial};
  Value x = buildLoad(builder, getLoc(), buildReshape(builder, getLoc(), inputs[0], grouped), element);
  const Statistics rows = statistics(builder, getLoc(), x, {2, 3}, getEpsilon().convertToDouble(), /*centered=*/true);
  const Shape parameters{groups, shape[1] / groups, 1};
  Value y = normalize(builder, getLoc(), x, rows, buildReshape(builder, getLoc(), inputs[1], parameters),
                      buildReshape(builder, getLoc(), inputs[2], parameters), tensorOf(getScale()).getElementType(), element);
  return Values{buildReshape(builder, getLoc(), y, shape)};
}

}  // namespace plimsoll::graph
