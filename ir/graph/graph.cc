#include "ir/graph/graph.h"

#include "ir/graph/infer.h"
#include "mlir/IR/Matchers.h"

namespace plimsoll::graph {

mlir::Type storageType(mlir::Type element) {
  auto integer = llvm::dyn_cast<mlir::IntegerType>(element);
  if (!integer) return element;
  return mlir::IntegerType::get(element.getContext(), integer.getWidth() == 1 ? 8 : integer.getWidth());
}

std::optional<int64_t> byteSize(mlir::RankedTensorType type) {
  auto bounds = llvm::dyn_cast_or_null<BoundsAttr>(type.getEncoding());
  Shape shape(type.getShape());
  for (auto [i, dim] : llvm::enumerate(shape)) {
    if (!mlir::ShapedType::isDynamic(dim)) continue;
    if (!bounds || i >= bounds.getSizes().size()) return std::nullopt;
    dim = bounds.getSizes()[i];
  }
  mlir::Type element = storageType(type.getElementType());
  if (!element.isIntOrFloat()) return std::nullopt;
  std::optional<int64_t> count = elementCount(shape);
  int64_t bits;
  if (!count || __builtin_mul_overflow(*count, static_cast<int64_t>(element.getIntOrFloatBitWidth()), &bits) ||
      bits > std::numeric_limits<int64_t>::max() - 7)
    return std::nullopt;
  return (bits + 7) / 8;
}

mlir::DenseElementsAttr constantOf(mlir::Value value) {
  mlir::DenseElementsAttr elements;
  if (!value || !mlir::matchPattern(value, mlir::m_Constant(&elements))) return nullptr;
  return elements;
}

}  // namespace plimsoll::graph
