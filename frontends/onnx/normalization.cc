// Softmax and the normalizations.
#include <cmath>
#include <numeric>

#include "frontends/onnx/node.h"

namespace plimsoll::onnx_frontend {
namespace {

using graph::ReduceKind;

Dims Range(int64_t begin, int64_t end) {
  Dims range(std::max<int64_t>(0, end - begin));
  std::iota(range.begin(), range.end(), begin);
  return range;
}

int64_t Product(const Dims& dims, int64_t begin, int64_t end) {
  int64_t product = 1;
  for (int64_t d = begin; d < end; ++d) product *= dims[d];
  return product;
}

// Applies `function(x, axis)`. Before opset 13 the operand is seen as two-dimensional, [before axis, from axis on].
template <typename Function>
void AlongAxis(NodeContext& c, const Function& function) {
  Value x = c.Input(0);
  if (c.opset() >= 13) return c.SetOutput(0, c.Rank(x) == 0 ? function(c.Reshape(x, {1}), 0) : function(x, c.Axis(c.Int("axis", -1), c.Rank(x))));
  const Dims shape = c.Shape(x);
  const int64_t rank = c.Rank(x);
  int64_t axis = c.Int("axis", 1);
  axis = axis == rank ? rank : c.Axis(axis, rank);
  if (axis == rank - 1) return c.SetOutput(0, function(x, axis));
  Value flat = c.Reshape(x, {Product(shape, 0, axis), Product(shape, axis, rank)});
  c.SetOutput(0, c.Reshape(function(flat, 1), shape));
}

void Softmax(NodeContext& c) {
  AlongAxis(c, [&](Value x, int64_t axis) { return c.Emitter::Softmax(x, axis); });
}
void LogSoftmax(NodeContext& c) {
  AlongAxis(c, [&](Value x, int64_t axis) { return c.Emitter::Softmax(x, axis, true); });
}

// 1 at the first of the largest elements, else 0.
void Hardmax(NodeContext& c) {
  AlongAxis(c, [&](Value x, int64_t axis) {
    Value largest = c.Make<graph::ArgReduceOp>({x}, {c.Attr("largest", true), c.Attr("axis", axis), c.Attr("keep_dims", true), c.Attr("last", false)});
    Dims shape(c.Rank(x), 1);
    shape[axis] = c.Dim(x, axis);
    Value index = c.Iota(shape, c.I64(), axis);
    return c.Cast(c.Compare(graph::ComparePredicate::eq, index, largest), c.Element(x));
  });
}

// Mean over the dims from `axis` on and the reciprocal of the deviation, in f32 (f64 for f64), dims kept.
void LayerStatistics(NodeContext& c, Value x, int64_t axis, double epsilon) {
  if (!c.HasOutput(1) && !c.HasOutput(2)) return;
  Value wide = c.Element(x).isF64() ? x : c.Cast(x, c.F32());
  const Dims axes = Range(axis, c.Rank(x));
  Value mean = c.Reduce(ReduceKind::mean, wide, axes, true);
  Value centered = c.Sub(wide, mean);
  Value variance = c.Reduce(ReduceKind::mean, c.Mul(centered, centered), axes, true);
  c.SetOutput(1, mean);
  c.SetOutput(2, c.Unary<graph::RsqrtOp>(c.Add(variance, c.ScalarLike(variance, epsilon))));
}

// Whether `value` fits the dims [axis, rank) by itself, as the dialect wants it. A scale over all dims with leading ones
// loses these.
Value OverTrailing(NodeContext& c, Value value, Value x, int64_t axis) {
  const int64_t trailing = c.Rank(x) - axis;
  Dims shape = c.Shape(value);
  while (static_cast<int64_t>(shape.size()) > trailing && shape.front() == 1) shape.erase(shape.begin());
  if (static_cast<int64_t>(shape.size()) > trailing) return {};
  return c.Reshape(value, shape);
}

void LayerNormalization(NodeContext& c) {
  Value x = c.Input(0), scale = c.Input(1), bias = c.OptionalInput(2);
  const int64_t axis = c.Axis(c.Int("axis", -1), c.Rank(x));
  const double epsilon = c.Float("epsilon", 1e-5f);
  Value own_scale = OverTrailing(c, scale, x, axis), own_bias = bias ? OverTrailing(c, bias, x, axis) : Value();
  Value result;
  if (own_scale && (!bias || own_bias)) {
    std::vector<Value> operands = {x, own_scale};
    if (own_bias) operands.push_back(own_bias);
    result = c.Make<graph::LayerNormOp>(operands, {c.Attr("axis", axis), c.Attr("epsilon", epsilon)});
  } else {
    Value ones = c.Filled({c.Dim(x, -1)}, c.Element(x), 1);
    result = c.Mul(c.Make<graph::LayerNormOp>({x, ones}, {c.Attr("axis", axis), c.Attr("epsilon", epsilon)}), scale);
    if (bias) result = c.Add(result, bias);
  }
  c.SetOutput(0, result);
  LayerStatistics(c, x, axis, epsilon);
}

void RmsNormalization(NodeContext& c) {
  Value x = c.Input(0), scale = c.Input(1);
  const int64_t axis = c.Axis(c.Int("axis", -1), c.Rank(x));
  const double epsilon = c.Float("epsilon", 1e-5f);
  if (Value own = OverTrailing(c, scale, x, axis); own && c.Element(own) == c.Element(x)) {
    return c.SetOutput(0, c.Make<graph::RmsNormOp>({x, own}, {c.Attr("axis", axis), c.Attr("epsilon", epsilon)}));
  }
  Value ones = c.Filled({c.Dim(x, -1)}, c.Element(x), 1);
  Value normalized = c.Make<graph::RmsNormOp>({x, ones}, {c.Attr("axis", axis), c.Attr("epsilon", epsilon)});
  c.SetOutput(0, c.Mul(c.Cast(normalized, c.Element(scale)), scale));
}

Value GroupNorm(NodeContext& c, Value x, Value scale, Value bias, int64_t groups, double epsilon) {
  return c.Make<graph::GroupNormOp>({x, scale, bias}, {c.Attr("groups", groups), c.Attr("epsilon", epsilon)});
}

void InstanceNormalization(NodeContext& c) {
  Value x = c.Input(0);
  c.SetOutput(0, GroupNorm(c, x, c.Input(1), c.Input(2), c.Dim(x, 1), c.Float("epsilon", 1e-5f)));
}

// Before opset 21 scale and bias are one a group, since then one a channel.
void GroupNormalization(NodeContext& c) {
  Value x = c.Input(0), scale = c.Input(1), bias = c.Input(2);
  const int64_t groups = c.Int("num_groups", 1), channels = c.Dim(x, 1);
  Check(groups > 0 && channels % groups == 0, "num_groups must divide the channels");
  if (c.opset() < 21 && c.Count(scale) == groups && groups != channels) {
    auto per_channel = [&](Value value) { return c.Reshape(c.Expand(c.Reshape(value, {groups, 1}), {groups, channels / groups}), {channels}); };
    scale = per_channel(scale);
    bias = per_channel(bias);
  }
  c.SetOutput(0, GroupNorm(c, x, scale, bias, groups, c.Float("epsilon", 1e-5f)));
}

// Follows from weights and constants alone: computed once, when a plan is loaded.
bool IsParameter(Value value, int depth = 0) {
  mlir::Operation* op = value.getDefiningOp();
  if (!op || depth > 16 || op->getNumRegions() > 0) return false;
  for (Value operand : op->getOperands()) {
    if (!IsParameter(operand, depth + 1)) return false;
  }
  return true;
}

// Convolution then scale and shift of its channels: a convolution with other weights. Null where it does not apply.
Value FoldIntoConvolution(NodeContext& c, Value x, Value scale, Value shift) {
  auto convolution = x.getDefiningOp<graph::ConvolutionOp>();
  auto uses = c.scope().uses.find(c.node().input(0));
  if (!convolution || uses == c.scope().uses.end() || uses->second != 1 || convolution.getOperandZeroPoint()) return {};
  Value weights = convolution.getWeights(), bias = convolution.getBias();
  if (!IsParameter(weights) || !IsParameter(scale) || !IsParameter(shift) || (bias && !IsParameter(bias))) return {};
  const Dims shape = c.Shape(weights);
  const int64_t channels = c.Count(scale), groups = convolution.getGroups();
  Emitter::ConvolutionOptions options;
  options.strides = convolution.getStrides().vec();
  options.dilations = convolution.getDilations().vec();
  options.pads_begin = convolution.getPadsBegin().vec();
  options.pads_end = convolution.getPadsEnd().vec();
  options.output_padding = convolution.getOutputPadding().vec();
  options.groups = groups;
  options.transposed = convolution.getTransposed();
  Dims factor(shape.size(), 1);
  if (options.transposed) {  // [C, O / groups, kernel...]: the channels of a group lie along dim 1
    Dims grouped = shape, by_group(shape.size() + 1, 1);
    grouped.insert(grouped.begin(), groups);
    grouped[1] = shape[0] / groups;
    by_group[0] = groups;
    by_group[2] = channels / groups;
    weights = c.Reshape(c.Mul(c.Reshape(weights, grouped), c.Reshape(scale, by_group)), shape);
  } else {
    factor[0] = channels;
    weights = c.Mul(weights, c.Reshape(scale, factor));
  }
  options.bias = bias ? c.Add(c.Mul(bias, scale), shift) : shift;
  return c.Convolution(convolution.getOperand(), weights, options);
}

void BatchNormalization(NodeContext& c) {
  Value x = c.Input(0), scale = c.Input(1), bias = c.Input(2), mean = c.Input(3), variance = c.Input(4);
  if (c.opset() < 9 && !c.Flag("spatial", true)) FailUnsupported("spatial = 0");
  const bool training = c.opset() >= 14 && c.Flag("training_mode", false);
  Dims axes, shape(c.Rank(x), 1);
  Check(c.Rank(x) >= 2, "the operand must have a batch and a channel dimension");
  const int64_t channels = c.Dim(x, 1);
  shape[1] = channels;
  for (int64_t d = 0; d < c.Rank(x); ++d) {
    if (d != 1) axes.push_back(d);
  }
  if (training) {
    const double momentum = c.Float("momentum", 0.9f);
    Value wide = c.Cast(x, c.Element(mean));
    Value batch_mean = c.Reduce(ReduceKind::mean, wide, axes, false);
    Value centered = c.Sub(wide, c.Reshape(batch_mean, shape));
    Value batch_variance = c.Reduce(ReduceKind::mean, c.Mul(centered, centered), axes, false);
    auto running = [&](Value old, Value now) {
      return c.Add(c.Mul(old, c.ScalarLike(old, momentum)), c.Mul(now, c.ScalarLike(now, 1 - momentum)));
    };
    c.SetOutput(1, running(mean, batch_mean));
    c.SetOutput(2, running(variance, batch_variance));
    mean = batch_mean;
    variance = batch_variance;
  } else if (c.HasOutput(1)) {
    FailUnsupported("running statistics as outputs without training_mode");
  }
  const Type element = c.Element(x);
  Value deviation = c.Unary<graph::RsqrtOp>(c.Add(variance, c.ScalarLike(variance, c.Float("epsilon", 1e-5f))));
  Value factor = c.Mul(c.Cast(scale, c.Element(deviation)), deviation);
  Value shift = c.Cast(c.Sub(c.Cast(bias, c.Element(mean)), c.Mul(mean, factor)), element);
  factor = c.Cast(factor, element);
  if (Value folded = FoldIntoConvolution(c, x, factor, shift)) return c.SetOutput(0, folded);
  c.SetOutput(0, c.Add(c.Mul(x, c.Reshape(factor, shape)), c.Reshape(shift, shape)));
}

// x / (bias + alpha / size * sum of squares over `size` channels) ^ beta.
void Lrn(NodeContext& c) {
  Value x = c.Input(0);
  const int64_t size = c.Int("size", 1), channels = c.Dim(x, 1);
  Check(size > 0 && size <= 1024, "size is out of range");
  Dims low(c.Rank(x), 0), high(c.Rank(x), 0);
  low[1] = (size - 1) / 2;
  high[1] = size - 1 - low[1];
  Value squares = c.Pad(c.Mul(x, x), low, high), sum;
  for (int64_t i = 0; i < size; ++i) {
    Value part = c.SliceAxis(squares, 1, i, channels);
    sum = sum ? c.Add(sum, part) : part;
  }
  sum = c.Mul(sum, c.ScalarLike(x, c.Float("alpha", 1e-4f) / static_cast<double>(size)));
  Value base = c.Add(sum, c.ScalarLike(x, c.Float("bias", 1)));
  c.SetOutput(0, c.Div(x, c.Binary<graph::PowOp>(base, c.ScalarLike(x, c.Float("beta", 0.75)))));
}

// Where the norm is 0, the result is 0.
void LpNormalization(NodeContext& c) {
  Value x = c.Input(0);
  const ReduceKind kind = c.Int("p", 2) == 1 ? ReduceKind::l1 : ReduceKind::l2;
  Value norm = c.Reduce(kind, x, {c.Axis(c.Int("axis", -1), c.Rank(x))}, true);
  Value zero = c.Compare(graph::ComparePredicate::eq, norm, c.ScalarLike(norm, 0));
  c.SetOutput(0, c.Div(x, c.Select(zero, c.ScalarLike(norm, 1), norm)));
}

}  // namespace

void RegisterNormalization(Registry& r) {
  r.Add("Softmax", Softmax);
  r.Add("LogSoftmax", LogSoftmax);
  r.Add("Hardmax", Hardmax);
  r.Add("LayerNormalization", LayerNormalization);
  r.Add("RMSNormalization", RmsNormalization);
  r.Add("InstanceNormalization", InstanceNormalization);
  r.Add("GroupNormalization", GroupNormalization);
  r.Add("BatchNormalization", BatchNormalization);
  r.Add("LRN", Lrn);
  r.Add("LpNormalization", LpNormalization);
}

}  // namespace plimsoll::onnx_frontend
