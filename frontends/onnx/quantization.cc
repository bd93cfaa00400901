// Quantized operators, taken apart into elementwise operations and integer contractions.
#include "frontends/onnx/contraction.h"
#include "frontends/onnx/narrow.h"

namespace plimsoll::onnx_frontend {
namespace {

struct Range {
  double low = 0, high = 0;
};

// What an integer type can hold; `bits` of it where fewer than its own are used.
Range RangeOf(Type element, int bits) {
  const auto integer = llvm::cast<mlir::IntegerType>(element);
  if (bits == 0) bits = static_cast<int>(integer.getWidth());
  Check(bits <= 16, "quantization to more than 16 bits");
  const double half = static_cast<double>(int64_t{1} << (bits - 1));
  return integer.isUnsigned() ? Range{0, 2 * half - 1} : Range{-half, half - 1};
}

// A scale or zero point as it broadcasts to x: a scalar, one element an index of `axis`, or one a block along it.
Value AlongAxis(NodeContext& c, Value parameter, Value x, int64_t axis, int64_t block) {
  if (!parameter) return parameter;
  if (c.Count(parameter) == 1 && c.Rank(parameter) <= 1) return c.Reshape(parameter, {});
  if (block > 0) {
    Check(c.Rank(parameter) == c.Rank(x), "blocked scales must have the operand's rank");
    Dims apart = c.Shape(parameter), repeated, together = c.Shape(parameter), starts(c.Rank(x), 0),
         strides(c.Rank(x), 1);
    apart.insert(apart.begin() + axis + 1, 1);
    repeated = apart;
    repeated[axis + 1] = block;
    Check(!__builtin_mul_overflow(together[axis], block, &together[axis]), "block_size is out of range");
    Value expanded = c.Reshape(c.Expand(c.Reshape(parameter, apart), repeated), together);
    return c.Slice(expanded, starts, c.Shape(x), strides);
  }
  Check(c.Rank(parameter) == 1, "scale and zero point must be scalars or vectors");
  Dims shape(c.Rank(x), 1);
  shape[axis] = c.Count(parameter);
  return c.Reshape(parameter, shape);
}

int64_t QuantizedAxis(NodeContext& c, Value x) {
  const int64_t axis = c.Int("axis", 1), rank = c.Rank(x);
  // The default does not fit a vector, whose scale must be a scalar then.
  return rank <= 1 && axis == 1 ? 0 : rank == 0 ? 0 : c.Axis(axis, rank);
}

// round(x / scale) + zero, clamped to what `element` holds.
Value Quantize(NodeContext& c, Value x, Value scale, Value zero, Type element, const plan::OnnxElement* narrow,
               bool saturate) {
  Value quotient = c.Div(c.Cast(x, c.F32()), c.Cast(scale, c.F32()));
  if (narrow && !llvm::isa<mlir::IntegerType>(element)) return CastToNarrow(c, quotient, *narrow);
  if (!llvm::isa<mlir::IntegerType>(element)) return c.Cast(quotient, element, saturate);
  Value rounded = c.Unary<graph::RoundOp>(quotient);
  if (zero) rounded = c.Add(rounded, c.Cast(zero, c.F32()));
  const Range range = RangeOf(element, narrow ? narrow->stored_bits : 0);
  return c.Cast(c.Clip(rounded, range.low, range.high), element);
}

void QuantizeLinear(NodeContext& c) {
  Value x = c.Input(0), scale = c.Input(1), zero = c.OptionalInput(2);
  const int64_t axis = QuantizedAxis(c, x), block = c.Int("block_size", 0);
  Type element = c.builder().getIntegerType(8, /*isSigned=*/false);
  const plan::OnnxElement* narrow = nullptr;
  if (zero) {
    element = c.Element(zero);
    narrow = c.importer().NarrowElement(c.node().input(2));
  } else if (const int64_t type = c.Int("output_dtype", 0); type != 0) {
    element = Importer::TypeOf(c.builder().getContext(), static_cast<int>(type), "the result");
    narrow = plan::FindOnnxElement(static_cast<int>(type));
    if (!narrow->narrow()) narrow = nullptr;
  }
  if (narrow && c.HasOutput(0)) c.importer().SetNarrowElement(c.node().output(0), *narrow);
  c.SetOutput(0, Quantize(c, x, AlongAxis(c, scale, x, axis, block), AlongAxis(c, zero, x, axis, block), element,
                          narrow, c.Flag("saturate", true)));
}

void DequantizeLinear(NodeContext& c) {
  Value x = c.Input(0), scale = c.Input(1), zero = c.OptionalInput(2);
  const int64_t axis = QuantizedAxis(c, x), block = c.Int("block_size", 0);
  Type result = c.Element(scale);
  if (const int64_t type = c.Int("output_dtype", 0); type != 0)
    result = Importer::TypeOf(c.builder().getContext(), static_cast<int>(type), "the result");
  Value wide = c.Cast(x, c.F32());
  if (zero) wide = c.Sub(wide, c.Cast(AlongAxis(c, zero, x, axis, block), c.F32()));
  c.SetOutput(0, c.Cast(c.Mul(wide, c.Cast(AlongAxis(c, scale, x, axis, block), c.F32())), result));
}

Value ScalarOrVector(NodeContext& c, Value value) {
  return value && c.Count(value) == 1 ? c.Reshape(value, {}) : value;
}

void MatMulInteger(NodeContext& c) {
  // Zero points of each batch's own rows or columns: subtracted before.
  Value zeros[2] = {c.OptionalInput(2), c.OptionalInput(3)};
  if ((zeros[0] && c.Rank(zeros[0]) > 1) || (zeros[1] && c.Rank(zeros[1]) > 1)) {
    Value operands[2];
    for (int i = 0; i < 2; ++i) {
      operands[i] = c.Cast(c.Input(i), c.I32());
      if (!zeros[i]) continue;
      Value zero = c.Cast(zeros[i], c.I32());
      if (i == 0 && c.Rank(zero) == 1 && c.Count(zero) > 1) zero = c.Unsqueeze(zero, {1});
      operands[i] = c.Sub(operands[i], zero);
    }
    return c.SetOutput(0, MatrixProduct(c, operands[0], operands[1]));
  }
  Emitter::DotOptions options;
  options.lhs_zero_point = ScalarOrVector(c, c.OptionalInput(2));
  options.rhs_zero_point = ScalarOrVector(c, c.OptionalInput(3));
  c.SetOutput(0, MatrixProduct(c, c.Input(0), c.Input(1), options));
}

void ConvInteger(NodeContext& c) {
  Emitter::ConvolutionOptions options = ConvolutionAttributes(c, c.Input(0), c.Input(1));
  options.operand_zero_point = ScalarOrVector(c, c.OptionalInput(2));
  options.weights_zero_point = ScalarOrVector(c, c.OptionalInput(3));
  c.SetOutput(0, c.Convolution(c.Input(0), c.Input(1), options));
}

// The 32-bit sums times `scale`, then as QuantizeLinear with scale 1.
Value Requantize(NodeContext& c, Value sums, Value scale, Value result_scale, Value zero) {
  Value product = c.Mul(c.Cast(sums, c.F32()), c.Div(scale, c.Cast(ScalarOrVector(c, result_scale), c.F32())));
  Value rounded = c.Add(c.Unary<graph::RoundOp>(product), c.Cast(ScalarOrVector(c, zero), c.F32()));
  const Range range = RangeOf(c.Element(zero), 0);
  return c.Cast(c.Clip(rounded, range.low, range.high), c.Element(zero));
}

void QLinearMatMul(NodeContext& c) {
  Value a = c.Input(0), b = c.Input(3);
  if (!llvm::isa<mlir::IntegerType>(c.Element(a))) FailUnsupported("8-bit floats");
  Emitter::DotOptions options;
  options.lhs_zero_point = ScalarOrVector(c, c.Input(2));
  options.rhs_zero_point = ScalarOrVector(c, c.Input(5));
  Value a_scale = ScalarOrVector(c, c.Cast(c.Input(1), c.F32())),
        b_scale = ScalarOrVector(c, c.Cast(c.Input(4), c.F32()));
  if (c.Rank(a_scale) == 1) a_scale = c.Unsqueeze(a_scale, {1});  // one a row
  c.SetOutput(0, Requantize(c, MatrixProduct(c, a, b, options), c.Mul(a_scale, b_scale), c.Input(6), c.Input(7)));
}

void QLinearConv(NodeContext& c) {
  Value x = c.Input(0), weights = c.Input(3), bias = c.OptionalInput(8);
  Emitter::ConvolutionOptions options = ConvolutionAttributes(c, x, weights);
  options.operand_zero_point = ScalarOrVector(c, c.Input(2));
  options.weights_zero_point = ScalarOrVector(c, c.Input(5));
  Value sums = c.Convolution(x, weights, options);
  Dims per_channel(c.Rank(x), 1);
  per_channel[1] = c.Dim(weights, 0);
  if (bias) sums = c.Add(sums, c.Reshape(bias, per_channel));
  Value weights_scale = ScalarOrVector(c, c.Cast(c.Input(4), c.F32()));
  if (c.Rank(weights_scale) == 1) weights_scale = c.Reshape(weights_scale, per_channel);
  Value scale = c.Mul(c.Cast(ScalarOrVector(c, c.Input(1)), c.F32()), weights_scale);
  c.SetOutput(0, Requantize(c, sums, scale, c.Input(6), c.Input(7)));
}

}  // namespace

void RegisterQuantization(Registry& r) {
  r.Add("QuantizeLinear", QuantizeLinear);
  r.Add("DequantizeLinear", DequantizeLinear);
  r.Add("MatMulInteger", MatMulInteger);
  r.Add("ConvInteger", ConvInteger);
  r.Add("QLinearMatMul", QLinearMatMul);
  r.Add("QLinearConv", QLinearConv);
}

}  // namespace plimsoll::onnx_frontend
