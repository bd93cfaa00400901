// Matrix products and convolutions.
#include "frontends/onnx/contraction.h"

#include <numeric>

#include "frontends/onnx/window.h"

namespace plimsoll::onnx_frontend {

Value MatrixProduct(Emitter& e, Value lhs, Value rhs, Emitter::DotOptions options) {
  const bool vector_lhs = e.Rank(lhs) == 1, vector_rhs = e.Rank(rhs) == 1;
  Check(e.Rank(lhs) > 0 && e.Rank(rhs) > 0, "a matrix product of scalars");
  if (vector_lhs) lhs = e.Unsqueeze(lhs, {0});
  if (vector_rhs) rhs = e.Unsqueeze(rhs, {1});
  Value result;
  const auto integer = llvm::dyn_cast<mlir::IntegerType>(e.Element(lhs));
  if (integer && integer.getWidth() > 8) {
    // No library multiplies matrices of these.
    Value columns = e.Unsqueeze(lhs, {-1}), rows = e.Unsqueeze(rhs, {-3});
    result = e.Reduce(graph::ReduceKind::sum, e.Mul(columns, rows), {-2}, false);
  } else {
    result = e.Dot(lhs, rhs, options);
  }
  if (vector_rhs) result = e.Squeeze(result, {-1});
  if (vector_lhs) result = e.Squeeze(result, {vector_rhs ? -1 : -2});
  return result;
}

namespace {

void MatMul(NodeContext& c) { c.SetOutput(0, MatrixProduct(c, c.Input(0), c.Input(1))); }

void Gemm(NodeContext& c) {
  Value a = c.Input(0), b = c.Input(1), bias = c.OptionalInput(2);
  Check(c.Rank(a) == 2 && c.Rank(b) == 2, "the operands must be matrices");
  const double alpha = c.Float("alpha", 1), beta = c.Float("beta", 1);
  Emitter::DotOptions options;
  options.transpose_lhs = c.Flag("transA", false);
  options.transpose_rhs = c.Flag("transB", false);
  if (!c.IsFloat(a)) {
    if (options.transpose_lhs) a = c.Transpose(a, {1, 0});
    if (options.transpose_rhs) b = c.Transpose(b, {1, 0});
    Value result = MatrixProduct(c, a, b);
    if (alpha != 1) result = c.Mul(result, c.ScalarLike(result, alpha));
    if (bias && beta != 0) result = c.Add(result, beta == 1 ? bias : c.Mul(bias, c.ScalarLike(bias, beta)));
    return c.SetOutput(0, result);
  }
  options.scale = alpha;
  if (bias && beta != 0) options.bias = beta == 1 ? bias : c.Mul(bias, c.ScalarLike(bias, beta));
  c.SetOutput(0, c.Dot(a, b, options));
}

Dims KernelOf(NodeContext& c, Value weights) {
  const Dims shape = c.Shape(weights);
  Check(shape.size() >= 2, "the weights must have rank 2 or more");
  return Dims(shape.begin() + 2, shape.end());
}

Emitter::ConvolutionOptions OptionsOf(NodeContext& c, const Window& window) {
  Emitter::ConvolutionOptions options;
  options.strides = window.strides;
  options.dilations = window.dilations;
  options.pads_begin = window.pads_begin;
  options.pads_end = window.pads_end;
  options.groups = c.Int("group", 1);
  Check(options.groups > 0, "group must be positive");
  return options;
}

void Conv(NodeContext& c) {
  Emitter::ConvolutionOptions options = ConvolutionAttributes(c, c.Input(0), c.Input(1));
  options.bias = c.OptionalInput(2);
  c.SetOutput(0, c.Convolution(c.Input(0), c.Input(1), options));
}

void ConvTranspose(NodeContext& c) {
  Value x = c.Input(0), weights = c.Input(1);
  Window window = ReadWindow(c, x, KernelOf(c, weights));
  const size_t rank = window.rank();
  Dims output_padding = c.Ints("output_padding").value_or(Dims(rank, 0));
  Check(output_padding.size() == rank, "output_padding must fit the spatial dimensions");
  const std::string auto_pad = c.String("auto_pad", "NOTSET");
  std::optional<Dims> output_shape = c.Ints("output_shape");
  if (output_shape && output_shape->empty()) output_shape.reset();
  if (output_shape && output_shape->size() == rank + 2) output_shape->erase(output_shape->begin(), output_shape->begin() + 2);
  if (output_shape && output_shape->size() != rank) FailMalformed("output_shape must fit the spatial dimensions");
  const bool same = auto_pad == "SAME_UPPER" || auto_pad == "SAME_LOWER";
  for (size_t d = 0; d < rank; ++d) {
    const int64_t size = c.Dim(x, d + 2);
    if (!output_shape && !same) continue;
    const int64_t wanted = output_shape ? (*output_shape)[d] : size * window.strides[d];
    const int64_t total = window.strides[d] * (size - 1) + output_padding[d] + window.Extent(d) - wanted;
    // A larger output than the kernel reaches is padded at the end.
    if (total < 0) {
      window.pads_begin[d] = window.pads_end[d] = 0;
      output_padding[d] -= total;
      continue;
    }
    window.pads_begin[d] = auto_pad == "SAME_UPPER" ? total / 2 : total - total / 2;
    window.pads_end[d] = total - window.pads_begin[d];
  }
  Emitter::ConvolutionOptions options = OptionsOf(c, window);
  options.bias = c.OptionalInput(2);
  options.transposed = true;
  options.output_padding = output_padding;
  c.SetOutput(0, c.Convolution(x, weights, options));
}

}  // namespace

Emitter::ConvolutionOptions ConvolutionAttributes(NodeContext& c, Value operand, Value weights) {
  return OptionsOf(c, ReadWindow(c, operand, KernelOf(c, weights)));
}

void RegisterContraction(Registry& r) {
  r.Add("MatMul", MatMul);
  r.Add("Gemm", Gemm);
  r.Add("Conv", Conv);
  r.Add("ConvTranspose", ConvTranspose);
  r.Add("Einsum", Einsum);
}

}  // namespace plimsoll::onnx_frontend
