// Resize as linalg: coordinates and weights of every dim are tables made here, in double precision; the body gathers.
#include <cmath>

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

// For each index of the result along one dim: `taps` positions in the operand and their weights.
struct Table {
  int64_t dim = 0;
  int taps = 1;
  std::vector<int64_t> positions;
  std::vector<double> weights;
};

double coordinate(llvm::StringRef mode, double index, double scale, double in, double out) {
  if (mode == "align_corners") return out <= 1 ? 0 : index * (in - 1) / (out - 1);
  if (mode == "asymmetric") return index / scale;
  if (mode == "pytorch_half_pixel") return out > 1 ? (index + 0.5) / scale - 0.5 : 0;
  if (mode == "tf_half_pixel_for_nn") return (index + 0.5) / scale;
  if (mode == "half_pixel_symmetric") {
    const double adjustment = out / (scale * in), center = in / 2;
    return center * (1 - adjustment) + (index + 0.5) / scale - 0.5;
  }
  return (index + 0.5) / scale - 0.5;
}

double nearestOf(llvm::StringRef mode, double x) {
  if (mode == "floor") return std::floor(x);
  if (mode == "ceil") return std::ceil(x);
  if (mode == "round_prefer_ceil") return std::floor(x + 0.5);
  return std::ceil(x - 0.5);
}

double cubicWeight(double a, double t) {
  t = std::abs(t);
  if (t <= 1) return ((a + 2) * t - (a + 3)) * t * t + 1;
  if (t < 2) return ((a * t - 5 * a) * t + 8 * a) * t - 4 * a;
  return 0;
}

}  // namespace

FailureOr<Values> ResizeOp::lowerToLinalg(OpBuilder& builder, ValueRange inputs) {
  const mlir::Type element = tensorOf(getResult()).getElementType();
  if (!element.isIntOrFloat()) return mlir::failure();
  auto in = shapeOf(inputs[0]), out = tensorOf(getResult()).getShape();
  const bool nearest = getMode() == "nearest", cubic = getMode() == "cubic";
  llvm::SmallVector<Table> tables;
  for (size_t d = 0; d < in.size(); ++d) {
    if (in[d] == out[d] && getScales()[d] == 1.0) continue;
    Table table{static_cast<int64_t>(d), nearest ? 1 : cubic ? 4 : 2, {}, {}};
    for (int64_t i = 0; i < out[d]; ++i) {
      double x = coordinate(getCoordinates(), static_cast<double>(i), getScales()[d], static_cast<double>(in[d]), static_cast<double>(out[d]));
      auto clamp = [&](double v) { return static_cast<int64_t>(std::min(std::max(v, 0.0), static_cast<double>(in[d] - 1))); };
      if (nearest) {
        table.positions.push_back(clamp(nearestOf(getNearest(), x)));
        continue;
      }
      if (!cubic) x = std::min(std::max(x, 0.0), static_cast<double>(in[d] - 1));
      const double first = std::floor(x) - (cubic ? 1 : 0);
      double sum = 0;
      for (int tap = 0; tap < table.taps; ++tap) {
        const double at = first + tap;
        double weight = cubic ? cubicWeight(getCubicCoefficient().convertToDouble(), x - at) : 1 - std::abs(x - at);
        if (getExcludeOutside() && (at < 0 || at > static_cast<double>(in[d] - 1))) weight = 0;
        table.positions.push_back(clamp(at));
        table.weights.push_back(weight);
        sum += weight;
      }
      if (getExcludeOutside())
        for (int tap = 0; tap < table.taps; ++tap) table.weights[table.weights.size() - 1 - static_cast<size_t>(tap)] /= sum;
    }
    tables.push_back(std::move(table));
  }

  const mlir::Location location = getLoc();
  const mlir::Type compute = llvm::isa<mlir::FloatType>(computeType(element)) ? computeType(element) : builder.getF32Type();
  llvm::SmallVector<Value> positions, weights;
  for (const Table& table : tables) {
    // Tap by tap, so that neighbours along the dim lie side by side.
    const llvm::SmallVector<int64_t> shape{table.taps, out[table.dim]};
    llvm::SmallVector<int64_t> places;
    llvm::SmallVector<mlir::Attribute> values;
    for (int tap = 0; tap < table.taps; ++tap)
      for (int64_t i = 0; i < out[table.dim]; ++i) {
        const auto from = static_cast<size_t>(i * table.taps + tap);
        places.push_back(table.positions[from]);
        if (!nearest) values.push_back(builder.getFloatAttr(compute, table.weights[from]));
      }
    positions.push_back(builder.create<arith::ConstantOp>(location, mlir::DenseElementsAttr::get(mlir::RankedTensorType::get(shape, builder.getI64Type()), llvm::ArrayRef<int64_t>(places))));
    if (nearest) continue;
    weights.push_back(builder.create<arith::ConstantOp>(location, mlir::DenseElementsAttr::get(mlir::RankedTensorType::get(shape, compute), values)));
  }
  return Values{buildElementwise(builder, location, {}, out, storageType(element), [&](Scalars& s, ValueRange) -> Value {
    Values at;
    for (size_t d = 0; d < out.size(); ++d) at.push_back(s.make<linalg::IndexOp>(static_cast<int64_t>(d)));
    // The dims one after another, the first outermost: sum over taps of weight * (rest at that position).
    std::function<Value(size_t)> interpolate = [&](size_t number) -> Value {
      if (number == tables.size()) {
        Value stored = s.make<tensor::ExtractOp>(inputs[0], at);
        return nearest ? stored : s.convert(s.load(stored, element), element, compute);
      }
      const Table& table = tables[number];
      Value loop = s.make<linalg::IndexOp>(table.dim), sum;
      for (int tap = 0; tap < table.taps; ++tap) {
        Value position = s.make<tensor::ExtractOp>(positions[number], ValueRange{s.index(tap), loop});
        at[table.dim] = s.make<arith::IndexCastOp>(s.builder.getIndexType(), position);
        Value value = interpolate(number + 1);
        if (nearest) return value;
        value = s.make<arith::MulFOp>(value, s.make<tensor::ExtractOp>(weights[number], ValueRange{s.index(tap), loop}));
        sum = sum ? s.make<arith::AddFOp>(sum, value) : value;
      }
      return sum;
    };
    Value value = interpolate(0);
    return nearest ? value : s.store(s.convert(value, compute, element), element);
  })};
}

}  // namespace plimsoll::graph
