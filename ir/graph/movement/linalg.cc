#include "ir/graph/graph.h"

namespace plimsoll::graph {
using Values = llvm::SmallVector<mlir::Value>;

mlir::FailureOr<Values> ReshapeOp::lowerToLinalg(mlir::OpBuilder& builder, mlir::ValueRange inputs) { return mlir::failure(); }
mlir::FailureOr<Values> TransposeOp::lowerToLinalg(mlir::OpBuilder& builder, mlir::ValueRange inputs) { return mlir::failure(); }
mlir::FailureOr<Values> ExpandOp::lowerToLinalg(mlir::OpBuilder& builder, mlir::ValueRange inputs) { return mlir::failure(); }
mlir::FailureOr<Values> SliceOp::lowerToLinalg(mlir::OpBuilder& builder, mlir::ValueRange inputs) { return mlir::failure(); }
mlir::FailureOr<Values> ConcatOp::lowerToLinalg(mlir::OpBuilder& builder, mlir::ValueRange inputs) { return mlir::failure(); }
mlir::FailureOr<Values> PadOp::lowerToLinalg(mlir::OpBuilder& builder, mlir::ValueRange inputs) { return mlir::failure(); }
mlir::FailureOr<Values> GatherOp::lowerToLinalg(mlir::OpBuilder& builder, mlir::ValueRange inputs) { return mlir::failure(); }
mlir::FailureOr<Values> GatherElementsOp::lowerToLinalg(mlir::OpBuilder& builder, mlir::ValueRange inputs) { return mlir::failure(); }
mlir::FailureOr<Values> GatherNdOp::lowerToLinalg(mlir::OpBuilder& builder, mlir::ValueRange inputs) { return mlir::failure(); }
mlir::FailureOr<Values> IotaOp::lowerToLinalg(mlir::OpBuilder& builder, mlir::ValueRange inputs) { return mlir::failure(); }
mlir::FailureOr<Values> ResizeOp::lowerToLinalg(mlir::OpBuilder& builder, mlir::ValueRange inputs) { return mlir::failure(); }

}  // namespace plimsoll::graph
