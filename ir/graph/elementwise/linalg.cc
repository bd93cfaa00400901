#include "ir/graph/graph.h"

namespace plimsoll::graph {
using Values = llvm::SmallVector<mlir::Value>;

mlir::FailureOr<Values> AbsOp::lowerToLinalg(mlir::OpBuilder& builder, mlir::ValueRange inputs) { return mlir::failure(); }
mlir::FailureOr<Values> NegOp::lowerToLinalg(mlir::OpBuilder& builder, mlir::ValueRange inputs) { return mlir::failure(); }
mlir::FailureOr<Values> SignOp::lowerToLinalg(mlir::OpBuilder& builder, mlir::ValueRange inputs) { return mlir::failure(); }
mlir::FailureOr<Values> ExpOp::lowerToLinalg(mlir::OpBuilder& builder, mlir::ValueRange inputs) { return mlir::failure(); }
mlir::FailureOr<Values> LogOp::lowerToLinalg(mlir::OpBuilder& builder, mlir::ValueRange inputs) { return mlir::failure(); }
mlir::FailureOr<Values> SqrtOp::lowerToLinalg(mlir::OpBuilder& builder, mlir::ValueRange inputs) { return mlir::failure(); }
mlir::FailureOr<Values> RsqrtOp::lowerToLinalg(mlir::OpBuilder& builder, mlir::ValueRange inputs) { return mlir::failure(); }
mlir::FailureOr<Values> ReciprocalOp::lowerToLinalg(mlir::OpBuilder& builder, mlir::ValueRange inputs) { return mlir::failure(); }
mlir::FailureOr<Values> TanhOp::lowerToLinalg(mlir::OpBuilder& builder, mlir::ValueRange inputs) { return mlir::failure(); }
mlir::FailureOr<Values> ErfOp::lowerToLinalg(mlir::OpBuilder& builder, mlir::ValueRange inputs) { return mlir::failure(); }
mlir::FailureOr<Values> SinOp::lowerToLinalg(mlir::OpBuilder& builder, mlir::ValueRange inputs) { return mlir::failure(); }
mlir::FailureOr<Values> CosOp::lowerToLinalg(mlir::OpBuilder& builder, mlir::ValueRange inputs) { return mlir::failure(); }
mlir::FailureOr<Values> TanOp::lowerToLinalg(mlir::OpBuilder& builder, mlir::ValueRange inputs) { return mlir::failure(); }
mlir::FailureOr<Values> AsinOp::lowerToLinalg(mlir::OpBuilder& builder, mlir::ValueRange inputs) { return mlir::failure(); }
mlir::FailureOr<Values> AcosOp::lowerToLinalg(mlir::OpBuilder& builder, mlir::ValueRange inputs) { return mlir::failure(); }
mlir::FailureOr<Values> AtanOp::lowerToLinalg(mlir::OpBuilder& builder, mlir::ValueRange inputs) { return mlir::failure(); }
mlir::FailureOr<Values> SinhOp::lowerToLinalg(mlir::OpBuilder& builder, mlir::ValueRange inputs) { return mlir::failure(); }
mlir::FailureOr<Values> CoshOp::lowerToLinalg(mlir::OpBuilder& builder, mlir::ValueRange inputs) { return mlir::failure(); }
mlir::FailureOr<Values> AsinhOp::lowerToLinalg(mlir::OpBuilder& builder, mlir::ValueRange inputs) { return mlir::failure(); }
mlir::FailureOr<Values> AcoshOp::lowerToLinalg(mlir::OpBuilder& builder, mlir::ValueRange inputs) { return mlir::failure(); }
mlir::FailureOr<Values> AtanhOp::lowerToLinalg(mlir::OpBuilder& builder, mlir::ValueRange inputs) { return mlir::failure(); }
mlir::FailureOr<Values> FloorOp::lowerToLinalg(mlir::OpBuilder& builder, mlir::ValueRange inputs) { return mlir::failure(); }
mlir::FailureOr<Values> CeilOp::lowerToLinalg(mlir::OpBuilder& builder, mlir::ValueRange inputs) { return mlir::failure(); }
mlir::FailureOr<Values> RoundOp::lowerToLinalg(mlir::OpBuilder& builder, mlir::ValueRange inputs) { return mlir::failure(); }
mlir::FailureOr<Values> NotOp::lowerToLinalg(mlir::OpBuilder& builder, mlir::ValueRange inputs) { return mlir::failure(); }
mlir::FailureOr<Values> IsNanOp::lowerToLinalg(mlir::OpBuilder& builder, mlir::ValueRange inputs) { return mlir::failure(); }
mlir::FailureOr<Values> IsInfOp::lowerToLinalg(mlir::OpBuilder& builder, mlir::ValueRange inputs) { return mlir::failure(); }
mlir::FailureOr<Values> ActivationOp::lowerToLinalg(mlir::OpBuilder& builder, mlir::ValueRange inputs) { return mlir::failure(); }
mlir::FailureOr<Values> CastOp::lowerToLinalg(mlir::OpBuilder& builder, mlir::ValueRange inputs) { return mlir::failure(); }
mlir::FailureOr<Values> AddOp::lowerToLinalg(mlir::OpBuilder& builder, mlir::ValueRange inputs) { return mlir::failure(); }
mlir::FailureOr<Values> SubOp::lowerToLinalg(mlir::OpBuilder& builder, mlir::ValueRange inputs) { return mlir::failure(); }
mlir::FailureOr<Values> MulOp::lowerToLinalg(mlir::OpBuilder& builder, mlir::ValueRange inputs) { return mlir::failure(); }
mlir::FailureOr<Values> DivOp::lowerToLinalg(mlir::OpBuilder& builder, mlir::ValueRange inputs) { return mlir::failure(); }
mlir::FailureOr<Values> PowOp::lowerToLinalg(mlir::OpBuilder& builder, mlir::ValueRange inputs) { return mlir::failure(); }
mlir::FailureOr<Values> MaxOp::lowerToLinalg(mlir::OpBuilder& builder, mlir::ValueRange inputs) { return mlir::failure(); }
mlir::FailureOr<Values> MinOp::lowerToLinalg(mlir::OpBuilder& builder, mlir::ValueRange inputs) { return mlir::failure(); }
mlir::FailureOr<Values> AndOp::lowerToLinalg(mlir::OpBuilder& builder, mlir::ValueRange inputs) { return mlir::failure(); }
mlir::FailureOr<Values> OrOp::lowerToLinalg(mlir::OpBuilder& builder, mlir::ValueRange inputs) { return mlir::failure(); }
mlir::FailureOr<Values> XorOp::lowerToLinalg(mlir::OpBuilder& builder, mlir::ValueRange inputs) { return mlir::failure(); }
mlir::FailureOr<Values> ShiftLeftOp::lowerToLinalg(mlir::OpBuilder& builder, mlir::ValueRange inputs) { return mlir::failure(); }
mlir::FailureOr<Values> ShiftRightOp::lowerToLinalg(mlir::OpBuilder& builder, mlir::ValueRange inputs) { return mlir::failure(); }
mlir::FailureOr<Values> ModOp::lowerToLinalg(mlir::OpBuilder& builder, mlir::ValueRange inputs) { return mlir::failure(); }
mlir::FailureOr<Values> CompareOp::lowerToLinalg(mlir::OpBuilder& builder, mlir::ValueRange inputs) { return mlir::failure(); }
mlir::FailureOr<Values> SelectOp::lowerToLinalg(mlir::OpBuilder& builder, mlir::ValueRange inputs) { return mlir::failure(); }

}  // namespace plimsoll::graph
