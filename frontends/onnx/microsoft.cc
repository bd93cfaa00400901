// The operators of the domain com.microsoft that models from onnxruntime's tools hold.
#include <limits>
#include <numeric>

#include "frontends/onnx/recurrent.h"

namespace plimsoll::onnx_frontend {
namespace {

using graph::ActivationKind;

constexpr char kDomain[] = "com.microsoft";

// (w - zero) * scale for weights [D, K, 4H] with one scale a direction or a column, as [D, 4H, K].
Value DequantizedWeights(NodeContext& c, Value w, Value scale, Value zero) {
  Check(c.Rank(w) == 3, "quantized weights must have rank 3");
  const int64_t directions = c.Dim(w, 0);
  auto per_column = [&](Value value) { return c.Reshape(value, {directions, 1, c.Count(value) / std::max<int64_t>(directions, 1)}); };
  Value wide = c.Cast(w, c.F32());
  if (zero) wide = c.Sub(wide, c.Cast(per_column(zero), c.F32()));
  return c.Transpose(c.Mul(wide, per_column(scale)), {0, 2, 1});
}

Dims AllAxes(NodeContext& c, Value x) {
  Dims axes(c.Rank(x));
  std::iota(axes.begin(), axes.end(), 0);
  return axes;
}

// x rounded to 8 bits with one scale for all of it, as DynamicQuantizeLinear does, and back.
Value Rounded(NodeContext& c, Value x) {
  Value low = c.Clip(c.Reduce(graph::ReduceKind::min, x, AllAxes(c, x), false), -std::numeric_limits<float>::max(), 0);
  Value high = c.Clip(c.Reduce(graph::ReduceKind::max, x, AllAxes(c, x), false), 0, std::numeric_limits<float>::max());
  Value scale = c.Div(c.Sub(high, low), c.ScalarLike(x, 255));
  scale = c.Select(c.Compare(graph::ComparePredicate::eq, scale, c.ScalarLike(x, 0)), c.ScalarLike(x, 1), scale);
  auto round = [&](Value value) { return c.Unary<graph::RoundOp>(value); };
  Value zero = round(c.Clip(c.Unary<graph::NegOp>(c.Div(low, scale)), 0, 255));
  Value quantized = c.Clip(c.Add(round(c.Div(x, scale)), zero), 0, 255);
  return c.Mul(c.Sub(quantized, zero), scale);
}

// graph.recurrent's quantization: [4, D, 4H] from W_scale, W_zero_point, R_scale and R_zero_point of [D] or [D, 4H].
Value Quantization(NodeContext& c, int64_t directions, int64_t width) {
  std::vector<Value> parts;
  for (int input : {8, 9, 10, 11}) {
    Value part = c.OptionalInput(input) ? c.Cast(c.Input(input), c.F32()) : c.Scalar(c.F32(), 0);
    const int64_t count = c.Count(part);
    const int64_t columns = count == directions * width ? width : 1;
    part = c.Reshape(part, {1, count == 1 ? 1 : directions, columns});
    parts.push_back(c.Expand(part, {1, directions, width}));
  }
  return c.Concat(parts, 0);
}

// Inputs: X, W, R, B, sequence_lens, initial_h, initial_c, P, W_scale, W_zero_point, R_scale, R_zero_point. X is rounded as
// onnxruntime does; H, which it rounds in every step, is not where peepholes or clipping have the layer taken apart.
void DynamicQuantizeLstm(NodeContext& c) {
  if (c.HasInput(4)) {
    const std::optional<Dims> lengths = c.TryIntegers(c.Input(4));
    if (!lengths || !std::all_of(lengths->begin(), lengths->end(), [&](int64_t length) { return length == c.Dim(c.Input(0), 0); })) {
      FailUnsupported("sequence lengths");
    }
  }
  RecurrentNode node;
  node.kind = "lstm";
  node.direction = c.String("direction", "forward");
  node.bias = c.OptionalInput(3);
  node.initial_h = c.OptionalInput(5);
  node.initial_c = c.OptionalInput(6);
  node.peepholes = c.OptionalInput(7);
  node.clip = c.Float("clip", 0);
  node.input_forget = c.Flag("input_forget", false);
  Value x = c.Input(0), w = c.Input(1), r = c.Input(2);
  Check(c.Rank(x) == 3 && c.Rank(w) == 3 && c.Rank(r) == 3, "X, W and R must have rank 3");
  node.hidden_size = c.Dim(r, 1);
  const bool whole = !node.peepholes && node.clip == 0 && !node.input_forget && c.Count(x) > 0 && c.Element(x).isF32() &&
                     c.Element(w) == c.Element(r);
  if (whole) {
    node.x = x;
    node.w = w;
    node.r = r;
    node.quantization = Quantization(c, c.Dim(w, 0), c.Dim(w, 2));
  } else {
    node.x = Rounded(c, x);
    node.w = DequantizedWeights(c, w, c.Input(8), c.OptionalInput(9));
    node.r = DequantizedWeights(c, r, c.Input(10), c.OptionalInput(11));
  }
  const RecurrentResult result = EmitRecurrent(c, node);
  c.SetOutputs({result.y, result.y_h, result.y_c});
}

void FusedMatMul(NodeContext& c) {
  if (c.Flag("transBatchA", false) || c.Flag("transBatchB", false)) FailUnsupported("transBatchA and transBatchB");
  Emitter::DotOptions options;
  options.transpose_lhs = c.Flag("transA", false);
  options.transpose_rhs = c.Flag("transB", false);
  options.scale = c.Float("alpha", 1);
  Check(c.Rank(c.Input(0)) >= 2 && c.Rank(c.Input(1)) >= 2, "the operands must be matrices");
  c.SetOutput(0, c.Dot(c.Input(0), c.Input(1), options));
}

Converter Gelu(ActivationKind kind) {
  return [kind](NodeContext& c) {
    Value x = c.Input(0);
    if (c.HasInput(1)) x = c.Add(x, c.Input(1));
    c.SetOutput(0, c.Activation(kind, x));
  };
}

void QuickGelu(NodeContext& c) { c.SetOutput(0, c.Activation(ActivationKind::silu, c.Input(0), c.Float("alpha", 1.702f))); }

// Layer normalization of input + skip (+ bias).
void SkipLayerNormalization(NodeContext& c) {
  Value sum = c.Add(c.Input(0), c.Input(1));
  if (c.HasInput(4)) sum = c.Add(sum, c.Input(4));
  std::vector<Value> operands = {sum, c.Input(2)};
  if (c.HasInput(3)) operands.push_back(c.Input(3));
  if (c.HasOutput(1) || c.HasOutput(2)) FailUnsupported("mean and deviation as outputs");
  c.SetOutput(0, c.Make<graph::LayerNormOp>(operands, {c.Attr("axis", c.Rank(sum) - 1), c.Attr("epsilon", c.Float("epsilon", 1e-12f))}));
  c.SetOutput(3, sum);
}

}  // namespace

void RegisterMicrosoft(Registry& r) {
  r.Add("DynamicQuantizeLSTM", DynamicQuantizeLstm, kDomain);
  r.Add("FusedMatMul", FusedMatMul, kDomain);
  r.Add("Gelu", Gelu(ActivationKind::gelu_erf), kDomain);
  r.Add("BiasGelu", Gelu(ActivationKind::gelu_erf), kDomain);
  r.Add("FastGelu", Gelu(ActivationKind::gelu_tanh), kDomain);
  r.Add("QuickGelu", QuickGelu, kDomain);
  r.Add("SkipLayerNormalization", SkipLayerNormalization, kDomain);
}

}  // namespace plimsoll::onnx_frontend
