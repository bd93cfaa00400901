#include "ir/graph/infer.h"

namespace plimsoll::graph {

llvm::StringRef HostCallOp::hostFunction() { return getFunction(); }
mlir::DictionaryAttr HostCallOp::hostAttributes() { return getSettings(); }

// Constraints: (H1) `present` is of 0 and 1, with one 1 an input; (H2) dims known only at run time are bounded by the
// result's #graph.bounds encoding.
mlir::LogicalResult HostCallOp::verify() {
  size_t count = 0;
  for (int64_t present : getPresent()) {
    if (present != 0 && present != 1) return emitOpError("(H1) present is of 0 and 1, found ") << present;
    count += present;
  }
  if (count != getInputs().size())
    return emitOpError("(H1) present tells of ") << count << " inputs, found " << getInputs().size();
  for (mlir::Type type : getResultTypes())
    if (!byteSize(llvm::cast<mlir::RankedTensorType>(type)))
      return emitOpError("(H2) the result has no bound on its size: ") << type;
  return mlir::success();
}

}  // namespace plimsoll::graph
