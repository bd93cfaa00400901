// Graph operations, one call each, for converters. Values have static shapes; what does not fit together throws
// ImportError with the dialect's own message. What is constant is folded at once.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ir/graph/build.h"
#include "ir/graph/graph.h"

namespace plimsoll::onnx_frontend {

using mlir::Type;
using mlir::Value;
using Dims = std::vector<int64_t>;

class Emitter {
 public:
  Emitter(mlir::OpBuilder& builder, mlir::Location location, graph::build::ErrorCollector& errors)
      : builder_(builder), location_(location), errors_(errors) {}

  mlir::OpBuilder& builder() { return builder_; }
  mlir::Location location() const { return location_; }
  graph::build::ErrorCollector& errors() { return errors_; }

  // Any operation. `types` are the results' where the operation does not infer them.
  template <typename Op>
  std::vector<Value> MakeAll(mlir::ValueRange operands, llvm::ArrayRef<mlir::NamedAttribute> attributes = {},
                             mlir::TypeRange types = {}) {
    constexpr bool infer = Op::template hasTrait<mlir::InferTypeOpInterface::Trait>();
    mlir::OperationState state(location_, Op::getOperationName());
    state.addOperands(operands);
    state.addAttributes(attributes);
    state.addTypes(types);
    return Finish(state, infer, Op::template hasTrait<mlir::OpTrait::OneResult>() ? 1 : 2);
  }
  template <typename Op>
  Value Make(mlir::ValueRange operands, llvm::ArrayRef<mlir::NamedAttribute> attributes = {}, Type type = {}) {
    return MakeAll<Op>(operands, attributes, type ? mlir::TypeRange(type) : mlir::TypeRange()).front();
  }
  template <typename Op>
  Value Unary(Value operand) { return Make<Op>({operand}); }
  template <typename Op>
  Value Binary(Value lhs, Value rhs) { return Make<Op>({lhs, rhs}); }

  mlir::NamedAttribute Attr(llvm::StringRef name, mlir::Attribute value) { return builder_.getNamedAttr(name, value); }
  mlir::NamedAttribute Attr(llvm::StringRef name, const Dims& value) { return Attr(name, builder_.getDenseI64ArrayAttr(value)); }
  mlir::NamedAttribute Attr(llvm::StringRef name, const std::string& value) { return Attr(name, builder_.getStringAttr(value)); }
  mlir::NamedAttribute Attr(llvm::StringRef name, const char* value) { return Attr(name, std::string(value)); }
  mlir::NamedAttribute Attr(llvm::StringRef name, int64_t value) { return Attr(name, builder_.getI64IntegerAttr(value)); }
  mlir::NamedAttribute Attr(llvm::StringRef name, int value) { return Attr(name, static_cast<int64_t>(value)); }
  mlir::NamedAttribute Attr(llvm::StringRef name, double value) { return Attr(name, builder_.getF64FloatAttr(value)); }
  mlir::NamedAttribute Attr(llvm::StringRef name, bool value) { return Attr(name, builder_.getBoolAttr(value)); }

  // Types.
  static mlir::RankedTensorType TypeOf(Value value) { return llvm::cast<mlir::RankedTensorType>(value.getType()); }
  static Type Element(Value value) { return TypeOf(value).getElementType(); }
  static Dims Shape(Value value) { return TypeOf(value).getShape().vec(); }
  static int64_t Rank(Value value) { return TypeOf(value).getRank(); }
  static int64_t Count(Value value) { return TypeOf(value).getNumElements(); }
  static bool IsFloat(Value value) { return llvm::isa<mlir::FloatType>(Element(value)); }
  static bool IsBool(Value value) { return Element(value).isInteger(1); }
  // Throws where the tensor would have more than 2^59 elements.
  static mlir::RankedTensorType TensorOf(const Dims& shape, Type element);
  Type F32() { return builder_.getF32Type(); }
  Type I64() { return builder_.getI64Type(); }
  Type I32() { return builder_.getI32Type(); }
  Type I1() { return builder_.getI1Type(); }
  // `axis` of a tensor of `rank`, negative ones counted from the end.
  static int64_t Axis(int64_t axis, int64_t rank);
  // The dim of `value`; throws where there is none.
  static int64_t Dim(Value value, int64_t axis);
  static Dims BroadcastShape(const Dims& a, const Dims& b);

  // Sources.
  Value Constant(mlir::DenseElementsAttr elements) { return graph::build::constant(builder_, location_, elements); }
  Value Scalar(Type element, double value) { return graph::build::scalar(builder_, location_, element, value); }
  Value ScalarLike(Value like, double value) { return Scalar(Element(like), value); }
  Value Integers(const Dims& values) { return graph::build::integers(builder_, location_, values); }
  // `shape` full of `value`: a constant where small, an expanded scalar otherwise.
  Value Filled(const Dims& shape, Type element, double value);
  Value Iota(const Dims& shape, Type element, int64_t axis, double start = 0, double step = 1);

  // Elementwise.
  Value Add(Value a, Value b) { return Binary<graph::AddOp>(a, b); }
  Value Sub(Value a, Value b) { return Binary<graph::SubOp>(a, b); }
  Value Mul(Value a, Value b) { return Binary<graph::MulOp>(a, b); }
  Value Div(Value a, Value b) { return Binary<graph::DivOp>(a, b); }
  Value Max(Value a, Value b) { return Binary<graph::MaxOp>(a, b); }
  Value Min(Value a, Value b) { return Binary<graph::MinOp>(a, b); }
  Value Compare(graph::ComparePredicate predicate, Value a, Value b);
  Value Select(Value condition, Value on_true, Value on_false) { return Make<graph::SelectOp>({condition, on_true, on_false}); }
  Value Activation(graph::ActivationKind kind, Value x, double alpha = 0, double beta = 0);
  Value Clip(Value x, double low, double high);
  Value Cast(Value x, Type element, bool saturate = true);

  // Movement. Each returns its operand where there is nothing to do.
  Value Reshape(Value x, const Dims& shape);
  Value Unsqueeze(Value x, Dims axes);
  Value Squeeze(Value x, Dims axes);
  Value Transpose(Value x, const Dims& permutation);
  Value Expand(Value x, const Dims& shape);
  Value Slice(Value x, const Dims& starts, const Dims& sizes, const Dims& strides);
  Value SliceAxis(Value x, int64_t axis, int64_t start, int64_t size);
  Value Concat(const std::vector<Value>& parts, int64_t axis);
  Value Pad(Value x, const Dims& low, const Dims& high, Value value = {}, graph::PadMode mode = graph::PadMode::constant);
  Value Gather(Value x, Value indices, int64_t axis);

  // Reductions, normalizations, contractions.
  Value Reduce(graph::ReduceKind kind, Value x, Dims axes, bool keep_dims);
  Value Softmax(Value x, int64_t axis, bool log = false);
  struct DotOptions {
    Value bias, lhs_zero_point, rhs_zero_point;
    bool transpose_lhs = false, transpose_rhs = false;
    double scale = 1;
  };
  Value Dot(Value lhs, Value rhs, const DotOptions& options);
  Value Dot(Value lhs, Value rhs) { return Dot(lhs, rhs, DotOptions()); }
  struct ConvolutionOptions {
    Value bias, operand_zero_point, weights_zero_point;
    Dims strides, dilations, pads_begin, pads_end, output_padding;
    int64_t groups = 1;
    bool transposed = false;
  };
  Value Convolution(Value x, Value weights, const ConvolutionOptions& options);

  // Errors that the dialect reported since the last call.
  std::string TakeErrors() { return errors_.take(); }

 private:
  std::vector<Value> Finish(mlir::OperationState& state, bool infer, int results);

  mlir::OpBuilder& builder_;
  mlir::Location location_;
  graph::build::ErrorCollector& errors_;
};

}  // namespace plimsoll::onnx_frontend
