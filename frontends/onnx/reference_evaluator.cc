#include "frontends/onnx/reference_evaluator.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "frontends/onnx/importer.h"

namespace plimsoll::onnx_frontend {
namespace {

using Dims = std::vector<int64_t>;

struct Array {
  Dims shape;
  std::vector<double> data;

  int64_t Stride(size_t axis) const {
    int64_t stride = 1;
    for (size_t d = axis + 1; d < shape.size(); ++d) stride *= shape[d];
    return stride;
  }
  double At(const Dims& index) const {
    int64_t offset = 0;
    for (size_t d = 0; d < shape.size(); ++d) offset = offset * shape[d] + index[d];
    return data[offset];
  }
  // The element that lies under `index` of a larger shape when this is broadcast to it.
  double Broadcast(const Dims& index) const {
    int64_t offset = 0;
    const size_t skip = index.size() - shape.size();
    for (size_t d = 0; d < shape.size(); ++d) offset = offset * shape[d] + (shape[d] == 1 ? 0 : index[skip + d]);
    return data[offset];
  }
};

// Calls function(index) for every index of `shape`, in row-major order.
template <typename Function>
void ForEach(const Dims& shape, const Function& function) {
  Dims index(shape.size(), 0);
  if (std::find(shape.begin(), shape.end(), 0) != shape.end()) return;
  for (;;) {
    function(index);
    int64_t d = static_cast<int64_t>(shape.size()) - 1;
    while (d >= 0 && ++index[d] == shape[d]) index[d--] = 0;
    if (d < 0) return;
  }
}

Array ArrayOf(mlir::DenseElementsAttr elements) {
  Array array;
  array.shape = elements.getType().getShape().vec();
  if (elements.getElementType().isF32()) {
    array.data.assign(elements.getValues<float>().begin(), elements.getValues<float>().end());
    return array;
  }
  if (auto integer = llvm::dyn_cast<mlir::IntegerType>(elements.getElementType())) {
    for (const llvm::APInt& value : elements.getValues<llvm::APInt>()) {
      array.data.push_back(integer.isUnsigned() ? static_cast<double>(value.getZExtValue())
                                                : static_cast<double>(value.getSExtValue()));
    }
    return array;
  }
  for (llvm::APFloat value : elements.getValues<llvm::APFloat>()) {
    bool inexact = false;
    value.convert(llvm::APFloat::IEEEdouble(), llvm::APFloat::rmNearestTiesToEven, &inexact);
    array.data.push_back(value.convertToDouble());
  }
  return array;
}

mlir::DenseElementsAttr ElementsOf(mlir::RankedTensorType type, const std::vector<double>& data) {
  if (type.getElementType().isF32()) {
    return mlir::DenseElementsAttr::get(type, llvm::ArrayRef<float>(std::vector<float>(data.begin(), data.end())));
  }
  llvm::SmallVector<mlir::Attribute> attributes;
  for (double value : data) {
    if (auto format = llvm::dyn_cast<mlir::FloatType>(type.getElementType())) {
      attributes.push_back(mlir::FloatAttr::get(format, value));
    } else {
      attributes.push_back(mlir::IntegerAttr::get(type.getElementType(), static_cast<int64_t>(value)));
    }
  }
  return mlir::DenseElementsAttr::get(type, attributes);
}

double ZeroPoint(const std::optional<Array>& zero, int64_t index) {
  return !zero ? 0 : zero->data.size() == 1 ? zero->data[0] : zero->data[index];
}

class Evaluator {
 public:
  Evaluator(mlir::func::FuncOp function, const weights::WeightStore& weights) {
    function.walk([&](graph::WeightOp weight) {
      const auto bytes = weights.bytes(static_cast<int>(weight.getSource()));
      if (!bytes.ok()) return;
      const auto type = llvm::cast<mlir::RankedTensorType>(weight.getType());
      values_[weight] = DenseOf(type, std::string(reinterpret_cast<const char*>(bytes->data()), bytes->size()));
    });
    for (mlir::Operation& op : function.getBody().front()) Run(&op);
    for (mlir::Value value : function.getBody().front().getTerminator()->getOperands())
      results_.push_back(Known(value));
  }
  std::vector<mlir::DenseElementsAttr> results() const { return results_; }

 private:
  mlir::DenseElementsAttr Known(mlir::Value value) const {
    if (auto constant = graph::constantOf(value)) return constant;
    return values_.lookup(value);
  }
  std::optional<Array> Get(mlir::Value value) const {
    return value ? std::optional<Array>(ArrayOf(Known(value))) : std::nullopt;
  }

  void Run(mlir::Operation* op) {
    llvm::SmallVector<mlir::Attribute> operands;
    for (mlir::Value operand : op->getOperands()) {
      mlir::DenseElementsAttr known = Known(operand);
      if (!known) return;
      operands.push_back(known);
    }
    if (op->getNumResults() == 0 || op->getNumRegions() > 0 || llvm::isa<graph::ConstantOp, graph::WeightOp>(op))
      return;
    llvm::SmallVector<mlir::OpFoldResult> folded;
    if (mlir::succeeded(op->fold(operands, folded)) && folded.size() == op->getNumResults()) {
      for (auto [result, value] : llvm::zip(op->getResults(), folded)) {
        auto attribute = llvm::dyn_cast<mlir::Attribute>(value);
        values_[result] =
            attribute ? llvm::dyn_cast<mlir::DenseElementsAttr>(attribute) : Known(llvm::cast<mlir::Value>(value));
      }
      return;
    }
    std::optional<std::vector<double>> data;
    if (auto dot = llvm::dyn_cast<graph::DotGeneralOp>(op)) data = Dot(dot);
    if (auto convolution = llvm::dyn_cast<graph::ConvolutionOp>(op)) data = Convolution(convolution);
    if (auto pool = llvm::dyn_cast<graph::PoolOp>(op)) data = Pool(pool);
    if (auto softmax = llvm::dyn_cast<graph::SoftmaxOp>(op)) data = Softmax(softmax);
    if (auto norm = llvm::dyn_cast<graph::LayerNormOp>(op))
      data = Norm(norm.getOperand(), norm.getScale(), norm.getBias(), norm.getAxis(),
                  norm.getEpsilon().convertToDouble(), true);
    if (auto norm = llvm::dyn_cast<graph::RmsNormOp>(op))
      data = Norm(norm.getOperand(), norm.getScale(), {}, norm.getAxis(), norm.getEpsilon().convertToDouble(), false);
    if (auto norm = llvm::dyn_cast<graph::GroupNormOp>(op)) data = GroupNorm(norm);
    if (auto resize = llvm::dyn_cast<graph::ResizeOp>(op)) data = Resize(resize);
    if (data)
      values_[op->getResult(0)] = ElementsOf(llvm::cast<mlir::RankedTensorType>(op->getResult(0).getType()), *data);
  }

  std::vector<double> Dot(graph::DotGeneralOp op) const {
    const Array lhs = *Get(op.getLhs()), rhs = *Get(op.getRhs());
    const std::optional<Array> bias = Get(op.getBias()), lhs_zero = Get(op.getLhsZeroPoint()),
                               rhs_zero = Get(op.getRhsZeroPoint());
    const int64_t k = lhs.shape[lhs.shape.size() - (op.getTransposeLhs() ? 2 : 1)];
    std::vector<double> data;
    auto batched = [](const Array& array, const Dims& index, int64_t row, int64_t column) {
      Dims at(index.end() - static_cast<int64_t>(array.shape.size()), index.end());
      for (size_t d = 0; d + 2 < at.size(); ++d) at[d] = array.shape[d] == 1 ? 0 : at[d];
      at[at.size() - 2] = row;
      at[at.size() - 1] = column;
      return array.At(at);
    };
    ForEach(op.getType().getShape().vec(), [&](const Dims& index) {
      const int64_t m = index[index.size() - 2], n = index.back();
      double sum = 0;
      for (int64_t i = 0; i < k; ++i) {
        const double a = op.getTransposeLhs() ? batched(lhs, index, i, m) : batched(lhs, index, m, i);
        const double b = op.getTransposeRhs() ? batched(rhs, index, n, i) : batched(rhs, index, i, n);
        sum += (a - ZeroPoint(lhs_zero, m)) * (b - ZeroPoint(rhs_zero, n));
      }
      data.push_back(sum * op.getScale().convertToDouble() + (bias ? bias->Broadcast(index) : 0));
    });
    return data;
  }

  std::vector<double> Convolution(graph::ConvolutionOp op) const {
    const Array x = *Get(op.getOperand()), w = *Get(op.getWeights());
    const std::optional<Array> bias = Get(op.getBias()), x_zero = Get(op.getOperandZeroPoint()),
                               w_zero = Get(op.getWeightsZeroPoint());
    const Dims shape = op.getType().getShape().vec(), kernel(w.shape.begin() + 2, w.shape.end());
    const int64_t groups = op.getGroups(), outputs = shape[1], inputs = x.shape[1];
    const size_t spatial = kernel.size();
    const bool transposed = op.getTransposed();
    std::vector<double> data;
    ForEach(shape, [&](const Dims& index) {
      const int64_t o = index[1], group = o / (outputs / groups);
      double sum = 0;
      ForEach(kernel, [&](const Dims& tap) {
        Dims at = index;
        for (size_t d = 0; d < spatial; ++d) {
          if (transposed) {
            const int64_t position = index[d + 2] + op.getPadsBegin()[d] - tap[d] * op.getDilations()[d];
            if (position < 0 || position % op.getStrides()[d] != 0) return;
            at[d + 2] = position / op.getStrides()[d];
          } else {
            at[d + 2] = index[d + 2] * op.getStrides()[d] - op.getPadsBegin()[d] + tap[d] * op.getDilations()[d];
          }
          if (at[d + 2] < 0 || at[d + 2] >= x.shape[d + 2]) return;
        }
        for (int64_t c = 0; c < inputs / groups; ++c) {
          Dims weight = {o, c};
          if (transposed) weight = {group * (inputs / groups) + c, o % (outputs / groups)};
          weight.insert(weight.end(), tap.begin(), tap.end());
          at[1] = group * (inputs / groups) + c;
          sum += (x.At(at) - ZeroPoint(x_zero, 0)) * (w.At(weight) - ZeroPoint(w_zero, o));
        }
      });
      data.push_back(sum + (bias ? bias->data[o] : 0));
    });
    return data;
  }

  std::vector<double> Pool(graph::PoolOp op) const {
    const Array x = *Get(op.getOperand());
    const Dims kernel = op.getKernel().vec();
    std::vector<double> data;
    ForEach(op.getType().getShape().vec(), [&](const Dims& index) {
      double sum = 0, largest = -std::numeric_limits<double>::infinity();
      int64_t inside = 0, counted = 0;
      ForEach(kernel, [&](const Dims& tap) {
        Dims at = index;
        bool in = true, count = true;
        for (size_t d = 0; d < kernel.size(); ++d) {
          at[d + 2] = index[d + 2] * op.getStrides()[d] - op.getPadsBegin()[d] + tap[d] * op.getDilations()[d];
          in = in && at[d + 2] >= 0 && at[d + 2] < x.shape[d + 2];
          count = count && at[d + 2] < x.shape[d + 2] + op.getCountedPadsEnd()[d];
        }
        counted += count;
        if (!in) return;
        ++inside;
        sum += x.At(at);
        largest = std::max(largest, x.At(at));
      });
      data.push_back(op.getKind() == graph::PoolKind::max       ? largest
                     : op.getKind() == graph::PoolKind::average ? sum / static_cast<double>(inside)
                                                                : sum / static_cast<double>(counted));
    });
    return data;
  }

  std::vector<double> Softmax(graph::SoftmaxOp op) const {
    const Array x = *Get(op.getOperand());
    const int64_t axis = op.getAxis(), size = x.shape[axis], stride = x.Stride(axis);
    std::vector<double> data(x.data.size());
    for (size_t i = 0; i < data.size(); ++i) {
      const size_t base = i - i / stride % size * stride;
      double largest = -std::numeric_limits<double>::infinity(), sum = 0;
      for (int64_t j = 0; j < size; ++j) largest = std::max(largest, x.data[base + j * stride]);
      for (int64_t j = 0; j < size; ++j) sum += std::exp(x.data[base + j * stride] - largest);
      data[i] = op.getLog() ? x.data[i] - largest - std::log(sum) : std::exp(x.data[i] - largest) / sum;
    }
    return data;
  }

  // Layer and root-mean-square normalization.
  std::vector<double> Norm(mlir::Value operand, mlir::Value scale_value, mlir::Value bias_value, int64_t axis,
                           double epsilon, bool center) const {
    const Array x = *Get(operand), scale = *Get(scale_value);
    const std::optional<Array> bias = Get(bias_value);
    int64_t inner = 1;
    for (size_t d = axis; d < x.shape.size(); ++d) inner *= x.shape[d];
    std::vector<double> data;
    ForEach(x.shape, [&](const Dims& index) {
      const size_t base = data.size() / inner * inner;
      double mean = 0, square = 0;
      for (int64_t j = 0; j < inner && center; ++j) mean += x.data[base + j] / static_cast<double>(inner);
      for (int64_t j = 0; j < inner; ++j)
        square += (x.data[base + j] - mean) * (x.data[base + j] - mean) / static_cast<double>(inner);
      const double value = (x.data[data.size()] - mean) / std::sqrt(square + epsilon);
      data.push_back(value * scale.Broadcast(index) + (bias ? bias->Broadcast(index) : 0));
    });
    return data;
  }

  std::vector<double> GroupNorm(graph::GroupNormOp op) const {
    const Array x = *Get(op.getOperand()), scale = *Get(op.getScale()), bias = *Get(op.getBias());
    const int64_t per_channel = x.Stride(1), inner = per_channel * x.shape[1] / static_cast<int64_t>(op.getGroups());
    std::vector<double> data;
    for (size_t i = 0; i < x.data.size(); ++i) {
      const size_t base = i / inner * inner, channel = i / per_channel % x.shape[1];
      double mean = 0, square = 0;
      for (int64_t j = 0; j < inner; ++j) mean += x.data[base + j] / static_cast<double>(inner);
      for (int64_t j = 0; j < inner; ++j)
        square += (x.data[base + j] - mean) * (x.data[base + j] - mean) / static_cast<double>(inner);
      data.push_back((x.data[i] - mean) / std::sqrt(square + op.getEpsilon().convertToDouble()) * scale.data[channel] +
                     bias.data[channel]);
    }
    return data;
  }

  static double Coordinate(llvm::StringRef mode, double index, double scale, int64_t in, int64_t out) {
    const double length = static_cast<double>(out);
    if (mode == "half_pixel") return (index + 0.5) / scale - 0.5;
    if (mode == "pytorch_half_pixel") return out > 1 ? (index + 0.5) / scale - 0.5 : 0;
    if (mode == "align_corners") return out > 1 ? index * static_cast<double>(in - 1) / (length - 1) : 0;
    if (mode == "tf_half_pixel_for_nn") return (index + 0.5) / scale;
    if (mode == "half_pixel_symmetric") {
      const double adjustment = length / (scale * static_cast<double>(in)), center = static_cast<double>(in) / 2;
      return center * (1 - adjustment) + (index + 0.5) / scale - 0.5;
    }
    return index / scale;
  }

  static double Nearest(llvm::StringRef mode, double coordinate) {
    if (mode == "floor") return std::floor(coordinate);
    if (mode == "ceil") return std::ceil(coordinate);
    return mode == "round_prefer_floor" ? std::ceil(coordinate - 0.5) : std::floor(coordinate + 0.5);
  }

  // One dim after the other.
  std::vector<double> Resize(graph::ResizeOp op) const {
    Array x = *Get(op.getOperand());
    const Dims shape = llvm::cast<mlir::RankedTensorType>(op.getType()).getShape().vec();
    for (size_t axis = 0; axis < shape.size(); ++axis) {
      const double scale = op.getScales()[axis];
      if (x.shape[axis] == shape[axis] && scale == 1) continue;
      Array next;
      next.shape = x.shape;
      next.shape[axis] = shape[axis];
      const int64_t in = x.shape[axis];
      const double a = op.getCubicCoefficient().convertToDouble();
      ForEach(next.shape, [&](const Dims& index) {
        const double coordinate =
            Coordinate(op.getCoordinates(), static_cast<double>(index[axis]), scale, in, shape[axis]);
        auto at = [&](int64_t position) {
          Dims source = index;
          source[axis] = std::clamp<int64_t>(position, 0, in - 1);
          return x.At(source);
        };
        if (op.getMode() == "nearest")
          return next.data.push_back(at(static_cast<int64_t>(Nearest(op.getNearest(), coordinate))));
        const int64_t floor = static_cast<int64_t>(std::floor(coordinate));
        const double t = coordinate - static_cast<double>(floor);
        std::vector<double> weights = {1 - t, t};
        int64_t first = floor;
        if (op.getMode() == "cubic") {
          auto near = [&](double d) { return ((a + 2) * d - (a + 3)) * d * d + 1; };
          auto far = [&](double d) { return ((a * d - 5 * a) * d + 8 * a) * d - 4 * a; };
          weights = {far(1 + t), near(t), near(1 - t), far(2 - t)};
          first = floor - 1;
        }
        double sum = 0, total = 0;
        for (size_t i = 0; i < weights.size(); ++i) {
          const int64_t position = first + static_cast<int64_t>(i);
          if (op.getExcludeOutside() && (position < 0 || position >= in)) continue;
          sum += weights[i] * at(position);
          total += weights[i];
        }
        next.data.push_back(sum / total);
      });
      x = next;
    }
    return x.data;
  }

  llvm::DenseMap<mlir::Value, mlir::DenseElementsAttr> values_;
  std::vector<mlir::DenseElementsAttr> results_;
};

}  // namespace

std::vector<mlir::DenseElementsAttr> EvaluateFunction(mlir::func::FuncOp function,
                                                      const weights::WeightStore& weights) {
  return Evaluator(function, weights).results();
}

}  // namespace plimsoll::onnx_frontend
