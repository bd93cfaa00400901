#include "ir/graph/graph.h"

namespace plimsoll::graph {
using Values = llvm::SmallVector<mlir::Value>;

mlir::FailureOr<Values> ReduceOp::lowerToLinalg(mlir::OpBuilder& builder, mlir::ValueRange inputs) { return mlir::failure(); }
mlir::FailureOr<Values> ArgReduceOp::lowerToLinalg(mlir::OpBuilder& builder, mlir::ValueRange inputs) { return mlir::failure(); }

}  // namespace plimsoll::graph
