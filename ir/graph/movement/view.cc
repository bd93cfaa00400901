// Which data movements are the same bytes seen otherwise.
#include "ir/graph/infer.h"

namespace plimsoll::graph {

std::optional<int64_t> ReshapeOp::viewByteOffset() { return 0; }

// Contiguous where one dim is cut, the dims outside of it have one element, and the dims inside are whole.
std::optional<int64_t> SliceOp::viewByteOffset() {
  mlir::RankedTensorType type = getOperand().getType(), result = getResult().getType();
  if (!type.hasStaticShape()) return std::nullopt;
  std::optional<int64_t> bytes = byteSize(mlir::RankedTensorType::get({}, type.getElementType()));
  std::optional<int64_t> count = elementCount(result.getShape());
  // Elements narrower than a byte share bytes.
  if (!bytes || !count || storageType(type.getElementType()).getIntOrFloatBitWidth() % 8 != 0) return std::nullopt;
  if (*count == 0) return 0;
  int64_t offset = 0, stride = 1;
  bool cut = false;
  for (int64_t i = type.getRank(); i-- > 0;) {
    int64_t size = result.getDimSize(i), dim = type.getDimSize(i);
    if (size > 1 && (getStrides()[i] != 1 || cut)) return std::nullopt;
    // (M5) keeps the start within the dim, and the product within the operand's bytes.
    offset += getStarts()[i] * stride;
    stride *= dim;
    cut |= size != dim;
  }
  return offset * *bytes;
}

}  // namespace plimsoll::graph
