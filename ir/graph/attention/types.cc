// Constraints: (A1) ranks are 4, element types are one float; (A2) q, k and v agree in batch, sequence and size, and the heads
// of k and v divide those of q; (A3) the mask, of that float or f32, broadcasts to the scores; (A4) sequence_first has four
// entries; (A5) keys_of_part is positive.
#include "ir/graph/infer.h"

namespace plimsoll::graph {

using mlir::emitOptionalError;
using mlir::failed;
using mlir::failure;
using mlir::LogicalResult;

namespace {

// [batch, heads, sequence, size], whichever way it lies.
Shape headsFirst(llvm::ArrayRef<int64_t> shape, bool sequence_first) {
  Shape result(shape);
  if (sequence_first) std::swap(result[1], result[2]);
  return result;
}

}  // namespace

PLIMSOLL_INFER(AttentionOp) {
  PLIMSOLL_ADAPTOR(AttentionOp);
  if (failed(requireStatic(location, operands))) return failure();
  llvm::ArrayRef<bool> sequence_first = adaptor.getSequenceFirst();
  if (sequence_first.size() != 4)
    return emitOptionalError(location, "(A4) expected sequence_first of q, k, v and the result, found ",
                             sequence_first.size(), " entries");
  const mlir::Type element = tensorType(adaptor.getQ()).getElementType();
  Shape shapes[3];
  for (int i = 0; i < 3; ++i) {
    mlir::RankedTensorType type = tensorType(operands[i]);
    if (type.getRank() != 4 || !isFloat(type.getElementType()) || type.getElementType() != element)
      return emitOptionalError(location, "(A1) expected q, k and v of rank 4 and one type of floats, found ", type);
    shapes[i] = headsFirst(type.getShape(), sequence_first[i]);
  }
  const auto& [q, k, v] = shapes;
  if (q[0] != k[0] || q[0] != v[0] || q[3] != k[3] || k[2] != v[2] || k[1] != v[1] || k[1] == 0 || q[1] % k[1] != 0)
    return emitOptionalError(location, "(A2) q, k and v do not fit: ", tensorType(operands[0]), ", ",
                             tensorType(operands[1]), ", ", tensorType(operands[2]));
  if (mlir::Value mask = adaptor.getMask()) {
    mlir::RankedTensorType type = tensorType(mask);
    const bool of_type = type.getElementType() == element || type.getElementType().isF32();
    if (!of_type || !broadcastsTo(type.getShape(), {q[0], q[1], q[2], k[2]}))
      return emitOptionalError(location, "(A3) the mask ", type,
                               " does not broadcast to the scores, or is neither of the operands' type nor f32");
  }
  const std::optional<uint64_t> keys_of_part = adaptor.getKeysOfPart();
  if (!keys_of_part) return inferTensor(location, headsFirst({q[0], q[1], q[2], v[3]}, sequence_first[3]), element, types);
  const int64_t keys = static_cast<int64_t>(*keys_of_part);
  if (keys < 1) return emitOptionalError(location, "(A5) parts of ", keys, " keys");
  const int64_t batches = std::max<int64_t>(1, k[2] / keys + (k[2] % keys == 0 ? 0 : 1)) * q[0];
  const mlir::Type f32 = mlir::Float32Type::get(context);
  if (failed(inferTensor(location, headsFirst({batches, q[1], q[2], v[3]}, sequence_first[3]), f32, types))) return failure();
  return inferTensor(location, {batches, q[1], q[2], 1}, f32, types);
}

PrecisionClass AttentionOp::precisionClass() { return PrecisionClass::LOW; }

}  // namespace plimsoll::graph
