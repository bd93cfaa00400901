// Building operations from a model that may be wrong. The generated builders stop the process where types cannot be
// inferred; these report at the location through the context's diagnostics and return failure. What folds is folded at
// once: with constant operands the result is a graph.constant (of at most kMaxFoldedElements elements).
#pragma once

#include <optional>
#include <string>
#include <utility>

#include "ir/graph/graph.h"

namespace plimsoll::graph::build {

// Larger results are left to be computed by the plan.
inline constexpr int64_t kMaxFoldedElements = 65536;

// Infers the result types (where `infer`; else they are in `state`), creates the operation, verifies and folds it.
mlir::FailureOr<llvm::SmallVector<mlir::Value>> finish(mlir::OpBuilder& builder, mlir::OperationState& state,
                                                       bool infer);

// Many results. The arguments are those of Op's generated builders without the result types for operations that infer
// them, with them for the others (reshape, cast, expand, iota, resize, host_call, ...); or
// (ValueRange operands, ArrayRef<NamedAttribute> attributes) for operations with inferred types.
template <typename Op, typename... Args>
mlir::FailureOr<llvm::SmallVector<mlir::Value>> ops(mlir::OpBuilder& builder, mlir::Location location, Args&&... args) {
  mlir::OperationState state(location, Op::getOperationName());
  constexpr bool infer = Op::template hasTrait<mlir::InferTypeOpInterface::Trait>();
  if constexpr (infer) {
    // Any types: they are replaced by the inferred ones.
    mlir::Type placeholder = mlir::RankedTensorType::get({}, builder.getI1Type());
    constexpr bool one = Op::template hasTrait<mlir::OpTrait::OneResult>();
    llvm::SmallVector<mlir::Type> types(one ? 1 : 2, placeholder);
    Op::build(builder, state, mlir::TypeRange(types), std::forward<Args>(args)...);
  } else {
    Op::build(builder, state, std::forward<Args>(args)...);
  }
  return finish(builder, state, infer);
}

// One result: build::op<AddOp>(builder, location, x, y); build::op<TransposeOp>(builder, location, x, permutation);
// build::op<ReshapeOp>(builder, location, result_type, x).
template <typename Op, typename... Args>
mlir::FailureOr<mlir::Value> op(mlir::OpBuilder& builder, mlir::Location location, Args&&... args) {
  auto results = ops<Op>(builder, location, std::forward<Args>(args)...);
  if (mlir::failed(results) || results->size() != 1) return mlir::failure();
  return results->front();
}

mlir::Value constant(mlir::OpBuilder& builder, mlir::Location location, mlir::DenseElementsAttr elements);
// tensor<N x i64>.
mlir::Value integers(mlir::OpBuilder& builder, mlir::Location location, llvm::ArrayRef<int64_t> values);
// tensor<element>, the value rounded to the element type (integers: truncated and clamped; i1: != 0).
mlir::Value scalar(mlir::OpBuilder& builder, mlir::Location location, mlir::Type element, double value);

// The elements of a constant integer (or bool) tensor of any shape, row-major; nothing if it is none, or over
// kMaxFoldedElements. ui64 above the range of int64_t wraps around.
std::optional<llvm::SmallVector<int64_t>> integersOf(mlir::Value value);
// The elements of a constant float or integer tensor as doubles.
std::optional<llvm::SmallVector<double>> floatsOf(mlir::Value value);

// While it lives, errors of the context are kept here and not printed.
class ErrorCollector {
 public:
  explicit ErrorCollector(mlir::MLIRContext* context);
  bool empty() const { return message_.empty(); }
  // The errors since the last call, one a line.
  std::string take();

 private:
  std::string message_;
  mlir::ScopedDiagnosticHandler handler_;
};

}  // namespace plimsoll::graph::build
