#include "ir/graph/infer.h"

namespace plimsoll::graph {

using mlir::emitOptionalError;
using mlir::failed;
using mlir::failure;

// Constraints: (U1) cell and direction are known; (U2) hidden_size is positive; (U3) x is [T, N, I], w [D, G H, I],
// r [D, G H, H], bias [D, 2 G H], initial_h and initial_c [D, N, H]; (U4) all are floats of one type; (U5) with
// quantization [4, D, G H] the cell is lstm, and w [D, I, G H] and r [D, H, G H] are of one 8-bit type.
PLIMSOLL_INFER(RecurrentOp) {
  PLIMSOLL_ADAPTOR(RecurrentOp);
  if (failed(requireStatic(location, operands))) return failure();
  llvm::StringRef cell = adaptor.getCell(), direction = adaptor.getDirection();
  int64_t gates = cell == "lstm"                                       ? 4
                  : cell == "gru" || cell == "linear_before_reset_gru" ? 3
                  : cell == "vanilla_tanh" || cell == "vanilla_relu"   ? 1
                                                                       : 0;
  if (gates == 0) return emitOptionalError(location, "(U1) unknown cell '", cell, "'");
  int64_t directions = direction == "bidirectional" ? 2 : direction == "forward" || direction == "reverse" ? 1 : 0;
  if (directions == 0) return emitOptionalError(location, "(U1) unknown direction '", direction, "'");
  int64_t hidden = adaptor.getHiddenSize();
  if (hidden < 1 || hidden >= (int64_t{1} << 31)) return emitOptionalError(location, "(U2) hidden_size ", hidden);
  mlir::RankedTensorType x = tensorType(adaptor.getX());
  if (x.getRank() != 3) return emitOptionalError(location, "(U3) expected x [T, N, I], found ", x);
  int64_t steps = x.getDimSize(0), batch = x.getDimSize(1), inputs = x.getDimSize(2);
  auto expect = [&](llvm::StringRef name, mlir::Value value, llvm::ArrayRef<int64_t> shape) -> mlir::LogicalResult {
    if (!value) return mlir::success();
    mlir::RankedTensorType type = tensorType(value);
    if (type.getShape() != shape)
      return emitOptionalError(location, "(U3) expected ", name, " [", shape, "], found ", type);
    if (type.getElementType() != x.getElementType() || !isFloat(type.getElementType()))
      return emitOptionalError(location, "(U4) x is ", x, " and ", name, " is ", type);
    return mlir::success();
  };
  Shape state{directions, batch, hidden};
  if (adaptor.getQuantization()) {
    mlir::RankedTensorType w = tensorType(adaptor.getW()), r = tensorType(adaptor.getR());
    if (cell != "lstm" || w.getElementTypeBitWidth() != 8 || isFloat(w.getElementType()) ||
        r.getElementType() != w.getElementType() ||
        w.getShape() != llvm::ArrayRef<int64_t>{directions, inputs, gates * hidden} ||
        r.getShape() != llvm::ArrayRef<int64_t>{directions, hidden, gates * hidden})
      return emitOptionalError(location, "(U5) a quantized ", cell, " with w ", w, " and r ", r);
    if (failed(expect("quantization", adaptor.getQuantization(), {4, directions, gates * hidden}))) return failure();
  } else if (failed(expect("w", adaptor.getW(), {directions, gates * hidden, inputs})) ||
             failed(expect("r", adaptor.getR(), {directions, gates * hidden, hidden}))) {
    return failure();
  }
  if (failed(expect("bias", adaptor.getBias(), {directions, 2 * gates * hidden})) ||
      failed(expect("initial_h", adaptor.getInitialH(), state)) ||
      failed(expect("initial_c", adaptor.getInitialC(), state)))
    return failure();
  if (failed(inferTensor(location, {steps, directions, batch, hidden}, x.getElementType(), types)) ||
      failed(inferTensor(location, state, x.getElementType(), types)))
    return failure();
  return cell == "lstm" ? inferTensor(location, state, x.getElementType(), types) : mlir::success();
}
PrecisionClass RecurrentOp::precisionClass() { return PrecisionClass::LOW; }
llvm::SmallVector<unsigned> RecurrentOp::packableOperands() { return {1, 2}; }

}  // namespace plimsoll::graph
