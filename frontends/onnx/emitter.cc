#include "frontends/onnx/emitter.h"

#include <algorithm>
#include <limits>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "frontends/onnx/error.h"

namespace plimsoll::onnx_frontend {

std::vector<Value> Emitter::Finish(mlir::OperationState& state, bool infer, int results) {
  if (infer && state.types.empty()) {
    // Any types: they are replaced by the inferred ones.
    state.types.assign(results, mlir::RankedTensorType::get({}, builder_.getI1Type()));
  }
  mlir::FailureOr<llvm::SmallVector<Value>> made = graph::build::finish(builder_, state, infer);
  if (mlir::failed(made) || made->empty()) {
    std::string message = errors_.take();
    FailMalformed(message.empty() ? absl::StrCat(state.name.getStringRef().str(), ": cannot be built") : message);
  }
  return std::vector<Value>(made->begin(), made->end());
}

mlir::RankedTensorType Emitter::TensorOf(const Dims& shape, Type element) {
  constexpr int64_t kMax = int64_t{1} << 59;
  int64_t count = 1;
  for (int64_t dim : shape) {
    Check(dim >= 0, absl::StrCat("a tensor would have the negative dimension ", dim));
    if (dim > 0 && count > kMax / dim) FailMalformed(absl::StrCat("a tensor of [", absl::StrJoin(shape, ","), "] is larger than any memory"));
    count *= std::max<int64_t>(dim, 1);
  }
  return mlir::RankedTensorType::get(shape, element);
}

int64_t Emitter::Axis(int64_t axis, int64_t rank) {
  if (axis < -rank || axis >= rank) FailMalformed(absl::StrCat("axis ", axis, " is out of range for a tensor of rank ", rank));
  return axis < 0 ? axis + rank : axis;
}

int64_t Emitter::Dim(Value value, int64_t axis) { return Shape(value)[Axis(axis, Rank(value))]; }

Dims Emitter::BroadcastShape(const Dims& a, const Dims& b) {
  Dims result(std::max(a.size(), b.size()));
  for (size_t i = 0; i < result.size(); ++i) {
    const int64_t x = i < a.size() ? a[a.size() - 1 - i] : 1, y = i < b.size() ? b[b.size() - 1 - i] : 1;
    if (x != y && x != 1 && y != 1) {
      FailMalformed(absl::StrCat("shapes [", absl::StrJoin(a, ","), "] and [", absl::StrJoin(b, ","), "] cannot be broadcast together"));
    }
    result[result.size() - 1 - i] = x == 1 ? y : x;
  }
  return result;
}

Value Emitter::Filled(const Dims& shape, Type element, double value) {
  const mlir::RankedTensorType type = TensorOf(shape, element);
  Value scalar = Scalar(element, value);
  if (type.getNumElements() > 1024) return Expand(scalar, shape);
  auto elements = graph::constantOf(scalar);
  if (llvm::isa<mlir::FloatType>(element)) {
    return Constant(mlir::DenseElementsAttr::get(type, *elements.getValues<llvm::APFloat>().begin()));
  }
  return Constant(mlir::DenseElementsAttr::get(type, *elements.getValues<llvm::APInt>().begin()));
}

Value Emitter::Iota(const Dims& shape, Type element, int64_t axis, double start, double step) {
  return Make<graph::IotaOp>({}, {Attr("axis", axis), Attr("start", start), Attr("step", step)}, TensorOf(shape, element));
}

Value Emitter::Compare(graph::ComparePredicate predicate, Value a, Value b) {
  return Make<graph::CompareOp>({a, b}, {Attr("predicate", graph::ComparePredicateAttr::get(builder_.getContext(), predicate))});
}

Value Emitter::Activation(graph::ActivationKind kind, Value x, double alpha, double beta) {
  return Make<graph::ActivationOp>({x}, {Attr("kind", graph::ActivationKindAttr::get(builder_.getContext(), kind)),
                                         Attr("alpha", alpha), Attr("beta", beta)});
}

Value Emitter::Clip(Value x, double low, double high) {
  if (IsFloat(x)) return Activation(graph::ActivationKind::clip, x, low, high);
  return Min(Max(x, ScalarLike(x, low)), ScalarLike(x, high));
}

Value Emitter::Cast(Value x, Type element, bool saturate) {
  if (Element(x) == element) return x;
  return Make<graph::CastOp>({x}, {Attr("saturate", saturate)}, TensorOf(Shape(x), element));
}

Value Emitter::Reshape(Value x, const Dims& shape) {
  if (Shape(x) == shape) return x;
  const mlir::RankedTensorType type = TensorOf(shape, Element(x));
  if (type.getNumElements() != Count(x)) {
    FailMalformed(absl::StrCat("a tensor of [", absl::StrJoin(Shape(x), ","), "] cannot have the shape [", absl::StrJoin(shape, ","), "]"));
  }
  return Make<graph::ReshapeOp>({x}, {}, type);
}

Value Emitter::Unsqueeze(Value x, Dims axes) {
  const int64_t rank = Rank(x) + static_cast<int64_t>(axes.size());
  for (int64_t& axis : axes) axis = Axis(axis, rank);
  std::sort(axes.begin(), axes.end());
  Check(std::adjacent_find(axes.begin(), axes.end()) == axes.end(), "an axis is given twice");
  Dims shape = Shape(x);
  for (int64_t axis : axes) shape.insert(shape.begin() + axis, 1);
  return Reshape(x, shape);
}

Value Emitter::Squeeze(Value x, Dims axes) {
  Dims shape;
  std::vector<bool> drop(Rank(x), false);
  for (int64_t axis : axes) drop[Axis(axis, Rank(x))] = true;
  for (int64_t d = 0; d < Rank(x); ++d) {
    if (!drop[d]) shape.push_back(Dim(x, d));
    if (drop[d] && Dim(x, d) != 1) FailMalformed(absl::StrCat("dimension ", d, " cannot be squeezed: its size is ", Dim(x, d)));
  }
  return Reshape(x, shape);
}

Value Emitter::Transpose(Value x, const Dims& permutation) {
  bool identity = static_cast<int64_t>(permutation.size()) == Rank(x);
  for (size_t i = 0; i < permutation.size(); ++i) identity = identity && permutation[i] == static_cast<int64_t>(i);
  if (identity) return x;
  return Make<graph::TransposeOp>({x}, {Attr("permutation", permutation)});
}

Value Emitter::Expand(Value x, const Dims& shape) {
  if (Shape(x) == shape) return x;
  return Make<graph::ExpandOp>({x}, {}, TensorOf(shape, Element(x)));
}

Value Emitter::Slice(Value x, const Dims& starts, const Dims& sizes, const Dims& strides) {
  bool whole = Shape(x) == sizes;
  for (size_t d = 0; d < strides.size(); ++d) whole = whole && starts[d] == 0 && (strides[d] == 1 || sizes[d] <= 1);
  if (whole) return x;
  return Make<graph::SliceOp>({x}, {Attr("starts", starts), Attr("sizes", sizes), Attr("strides", strides)});
}

Value Emitter::SliceAxis(Value x, int64_t axis, int64_t start, int64_t size) {
  axis = Axis(axis, Rank(x));
  Dims starts(Rank(x), 0), sizes = Shape(x), strides(Rank(x), 1);
  starts[axis] = start;
  sizes[axis] = size;
  return Slice(x, starts, sizes, strides);
}

Value Emitter::Concat(const std::vector<Value>& parts, int64_t axis) {
  Check(!parts.empty(), "nothing to concatenate");
  axis = Axis(axis, Rank(parts.front()));
  if (parts.size() == 1) return parts.front();
  return Make<graph::ConcatOp>(parts, {Attr("axis", axis)});
}

Value Emitter::Pad(Value x, const Dims& low, const Dims& high, Value value, graph::PadMode mode) {
  auto none = [](int64_t pad) { return pad == 0; };
  if (std::all_of(low.begin(), low.end(), none) && std::all_of(high.begin(), high.end(), none)) return x;
  std::vector<Value> operands = {x};
  if (value) operands.push_back(Reshape(value, {}));
  for (int64_t d = 0; d < Rank(x); ++d) {
    int64_t size = 0;
    if (__builtin_add_overflow(low[d], high[d], &size) || __builtin_add_overflow(size, Dim(x, d), &size) || size < 0) {
      FailMalformed(absl::StrCat("pads ", low[d], " and ", high[d], " of dimension ", d, " leave no valid size"));
    }
  }
  return Make<graph::PadOp>(operands, {Attr("mode", graph::PadModeAttr::get(builder_.getContext(), mode)), Attr("low", low), Attr("high", high)});
}

Value Emitter::Gather(Value x, Value indices, int64_t axis) {
  return Make<graph::GatherOp>({x, indices}, {Attr("axis", Axis(axis, Rank(x)))});
}

Value Emitter::Reduce(graph::ReduceKind kind, Value x, Dims axes, bool keep_dims) {
  for (int64_t& axis : axes) axis = Axis(axis, Rank(x));
  std::sort(axes.begin(), axes.end());
  axes.erase(std::unique(axes.begin(), axes.end()), axes.end());
  return Make<graph::ReduceOp>({x}, {Attr("kind", graph::ReduceKindAttr::get(builder_.getContext(), kind)), Attr("axes", axes),
                                     Attr("keep_dims", keep_dims)});
}

Value Emitter::Softmax(Value x, int64_t axis, bool log) {
  return Make<graph::SoftmaxOp>({x}, {Attr("axis", Axis(axis, Rank(x))), Attr("log", log)});
}

namespace {

// Operands behind each other, absent ones left out, and how many there are of each.
struct Segments {
  std::vector<Value> operands;
  std::vector<int32_t> sizes;
  void Add(Value value) {
    if (value) operands.push_back(value);
    sizes.push_back(value ? 1 : 0);
  }
};

}  // namespace

Value Emitter::Dot(Value lhs, Value rhs, const DotOptions& options) {
  Segments segments;
  for (Value value : {lhs, rhs, options.bias, options.lhs_zero_point, options.rhs_zero_point}) segments.Add(value);
  segments.Add({});  // post_operands
  return Make<graph::DotGeneralOp>(segments.operands,
      {Attr("operandSegmentSizes", builder_.getDenseI32ArrayAttr(segments.sizes)), Attr("transpose_lhs", options.transpose_lhs),
       Attr("transpose_rhs", options.transpose_rhs), Attr("scale", options.scale)});
}

Value Emitter::Convolution(Value x, Value weights, const ConvolutionOptions& options) {
  Segments segments;
  for (Value value : {x, weights, options.bias, options.operand_zero_point, options.weights_zero_point}) segments.Add(value);
  segments.Add({});
  return Make<graph::ConvolutionOp>(segments.operands,
      {Attr("operandSegmentSizes", builder_.getDenseI32ArrayAttr(segments.sizes)), Attr("strides", options.strides),
       Attr("dilations", options.dilations), Attr("pads_begin", options.pads_begin), Attr("pads_end", options.pads_end),
       Attr("groups", options.groups), Attr("transposed", options.transposed), Attr("output_padding", options.output_padding)});
}

}  // namespace plimsoll::onnx_frontend
