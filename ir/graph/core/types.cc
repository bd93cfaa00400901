// Result types of constants; the region of a fusion.
#include "ir/graph/infer.h"

namespace plimsoll::graph {

using mlir::emitOptionalError;
using mlir::failed;
using mlir::failure;

PLIMSOLL_INFER(ConstantOp) {
  PLIMSOLL_ADAPTOR(ConstantOp);
  mlir::ElementsAttr value = adaptor.getValue();
  auto type = value ? llvm::dyn_cast<mlir::RankedTensorType>(value.getShapedType()) : mlir::RankedTensorType();
  if (!type) return emitOptionalError(location, "a constant is a ranked tensor");
  types.push_back(type);
  return mlir::success();
}

mlir::OpFoldResult ConstantOp::fold(FoldAdaptor) { return getValue(); }

// Constraints: (F1) one block argument an input, of its type; (F2) the operations are LowerToLinalg or constants; (F3)
// the block yields the results; (F4) shapes are static.
mlir::LogicalResult FusionOp::verify() {
  mlir::Block& block = getBody().front();
  if (block.getArgumentTypes() != getInputs().getTypes())
    return emitOpError("(F1) the block takes (")
           << block.getArgumentTypes() << "), the inputs are (" << getInputs().getTypes() << ")";
  for (mlir::Operation& op : block.without_terminator())
    if (!llvm::isa<LowerToLinalgInterface>(op) && !op.hasTrait<mlir::OpTrait::ConstantLike>())
      return emitOpError("(F2) '") << op.getName() << "' is not lowered to a kernel";
  auto yield = llvm::dyn_cast<YieldOp>(block.back());
  if (!yield || yield.getOperandTypes() != getResultTypes())
    return emitOpError("(F3) the block does not yield the results (") << getResultTypes() << ")";
  for (mlir::Type type :
       llvm::concat<const mlir::Type>(llvm::to_vector(getOperandTypes()), llvm::to_vector(getResultTypes())))
    if (!llvm::cast<mlir::RankedTensorType>(type).hasStaticShape())
      return emitOpError("(F4) dimensions known only at run time: ") << type;
  return mlir::success();
}

}  // namespace plimsoll::graph
