#include "passes/simplify/constants.h"

namespace plimsoll::passes {

std::optional<double> SplatOf(mlir::Value value) {
  mlir::DenseElementsAttr elements = graph::constantOf(value);
  if (!elements || elements.getNumElements() == 0 || !elements.isSplat()) return std::nullopt;
  auto scalar = mlir::RankedTensorType::get({1}, elements.getElementType());
  if (llvm::isa<mlir::FloatType>(elements.getElementType())) {
    return elements.resizeSplat(scalar).getSplatValue<llvm::APFloat>().convertToDouble();
  }
  if (!elements.getElementType().isSignlessInteger() || elements.getElementType().isInteger(1)) return std::nullopt;
  return static_cast<double>(elements.getSplatValue<llvm::APInt>().getSExtValue());
}

}  // namespace plimsoll::passes
