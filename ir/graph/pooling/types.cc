#include "ir/graph/window.h"

namespace plimsoll::graph {

using mlir::emitOptionalError;
using mlir::failed;
using mlir::failure;

// Constraints: (P1) at least one spatial dim; (P2) a number; (P3) counted_pads_end is between 0 and pads_end; W1..W3.
PLIMSOLL_INFER(PoolOp) {
  if (failed(requireStatic(location, operands))) return failure();
  PLIMSOLL_ADAPTOR(PoolOp);
  mlir::RankedTensorType type = tensorType(operands[0]);
  if (type.getRank() < 3) return emitOptionalError(location, "(P1) the operand ", type, " has no spatial dimension");
  if (!isNumber(type.getElementType()))
    return emitOptionalError(location, "(P2) not defined for elements of type ", type.getElementType());
  size_t spatial = type.getRank() - 2;
  Window window{adaptor.getKernel(), adaptor.getStrides(), adaptor.getDilations(), adaptor.getPadsBegin(),
                adaptor.getPadsEnd()};
  if (failed(requireWindow(location, window, spatial, /*negative_pads=*/false))) return failure();
  llvm::ArrayRef<int64_t> counted = adaptor.getCountedPadsEnd();
  if (counted.size() != spatial)
    return emitOptionalError(location, "(W1) expected ", spatial, " values, one a spatial dimension, found [", counted,
                             "]");
  for (size_t i = 0; i < spatial; ++i)
    if (counted[i] < 0 || counted[i] > window.pads_end[i])
      return emitOptionalError(location, "(P3) counted end padding ", counted[i], " of ", window.pads_end[i]);
  bool last = adaptor.getChannelsLast();
  mlir::FailureOr<Shape> sizes = windowOutput(location, window, type.getShape().slice(last ? 1 : 2, spatial));
  if (failed(sizes)) return failure();
  Shape shape{type.getDimSize(0)};
  if (!last) shape.push_back(type.getDimSize(1));
  shape.append(*sizes);
  if (last) shape.push_back(type.getShape().back());
  return inferTensor(location, shape, type.getElementType(), types);
}
PrecisionClass PoolOp::precisionClass() { return PrecisionClass::FOLLOW; }
llvm::SmallVector<unsigned> PoolOp::packableOperands() { return {}; }

}  // namespace plimsoll::graph
