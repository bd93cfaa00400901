// What lowerToLinalg of every family builds on: bodies on scalars that compute in f32 where memory holds less, and
// linalg.generic with numpy's broadcasting. Inputs have storage element types; the graph operation's own types say what is a
// bool and what has no sign.
#pragma once

#include <functional>

#include "ir/graph/graph.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace plimsoll::graph {

using Values = llvm::SmallVector<mlir::Value>;

// Builds operations on scalars at the builder's place.
struct Scalars {
  mlir::OpBuilder& builder;
  mlir::Location location;

  template <typename Op, typename... Args>
  mlir::Value make(Args&&... args) { return builder.create<Op>(location, std::forward<Args>(args)...); }
  mlir::Value constant(mlir::Type type, double value);
  mlir::Value integer(mlir::Type type, int64_t value);
  mlir::Value index(int64_t value) { return make<mlir::arith::ConstantIndexOp>(value); }
  // From memory into the type to compute in (i1 for bools, f32 for narrower floats), and back.
  mlir::Value load(mlir::Value stored, mlir::Type element);
  mlir::Value store(mlir::Value computed, mlir::Type element);
  // Between types to compute in; the signs are those of the graph's element types.
  mlir::Value convert(mlir::Value value, mlir::Type from, mlir::Type to);
  mlir::Value compare(mlir::arith::CmpFPredicate predicate, mlir::Value a, mlir::Value b) { return make<mlir::arith::CmpFOp>(predicate, a, b); }
  mlir::Value compare(mlir::arith::CmpIPredicate predicate, mlir::Value a, mlir::Value b) { return make<mlir::arith::CmpIOp>(predicate, a, b); }
  mlir::Value select(mlir::Value c, mlir::Value a, mlir::Value b) { return make<mlir::arith::SelectOp>(c, a, b); }
};

// f32 for floats below 32 bits, i1 for bool, signless integers.
mlir::Type computeType(mlir::Type element);
inline mlir::RankedTensorType tensorOf(mlir::Value value) { return llvm::cast<mlir::RankedTensorType>(value.getType()); }
inline mlir::Type elementOf(mlir::Value value) { return tensorOf(value).getElementType(); }
inline llvm::ArrayRef<int64_t> shapeOf(mlir::Value value) { return tensorOf(value).getShape(); }

// A body gets the scalars of the inputs as they are in memory and returns the result as it is to be in memory.
using Body = std::function<mlir::Value(Scalars&, mlir::ValueRange)>;
// A parallel linalg.generic over `shape`; inputs broadcast as in numpy. `element`: of the result in memory.
mlir::Value buildElementwise(mlir::OpBuilder& builder, mlir::Location location, mlir::ValueRange inputs, llvm::ArrayRef<int64_t> shape,
                             mlir::Type element, const Body& body);
// The same with given input maps.
mlir::Value buildMapped(mlir::OpBuilder& builder, mlir::Location location, mlir::ValueRange inputs, llvm::ArrayRef<mlir::AffineMap> maps,
                        llvm::ArrayRef<int64_t> shape, mlir::Type element, const Body& body);
// Reduces the sorted `axes` of `input` (element types that can be computed in); they are dropped from the shape.
mlir::Value buildReduction(mlir::OpBuilder& builder, mlir::Location location, mlir::Value input, llvm::ArrayRef<int64_t> axes, double init,
                           const std::function<mlir::Value(Scalars&, mlir::Value element, mlir::Value sum)>& combine);
// The same elements in another shape.
mlir::Value buildReshape(mlir::OpBuilder& builder, mlir::Location location, mlir::Value input, llvm::ArrayRef<int64_t> shape);
// `input` in the type to compute in; itself where it is.
mlir::Value buildLoad(mlir::OpBuilder& builder, mlir::Location location, mlir::Value input, mlir::Type element);

}  // namespace plimsoll::graph
