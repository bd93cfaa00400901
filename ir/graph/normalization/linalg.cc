#include "ir/graph/graph.h"

namespace plimsoll::graph {
using Values = llvm::SmallVector<mlir::Value>;

mlir::FailureOr<Values> SoftmaxOp::lowerToLinalg(mlir::OpBuilder& builder, mlir::ValueRange inputs) { return mlir::failure(); }
mlir::FailureOr<Values> LayerNormOp::lowerToLinalg(mlir::OpBuilder& builder, mlir::ValueRange inputs) { return mlir::failure(); }
mlir::FailureOr<Values> RmsNormOp::lowerToLinalg(mlir::OpBuilder& builder, mlir::ValueRange inputs) { return mlir::failure(); }
mlir::FailureOr<Values> GroupNormOp::lowerToLinalg(mlir::OpBuilder& builder, mlir::ValueRange inputs) { return mlir::failure(); }

}  // namespace plimsoll::graph
