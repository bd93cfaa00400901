// Sizes of windowed operations (convolution, pooling).
#pragma once

#include "ir/graph/infer.h"

namespace plimsoll::graph {

struct Window {
  llvm::ArrayRef<int64_t> kernel, strides, dilations, pads_begin, pads_end;
};

// Constraints: (W1) one entry a spatial dim; (W2) kernel, strides and dilations are positive, and all below 2^31;
// (W3) the dilated kernel fits into the padded operand.
mlir::LogicalResult requireWindow(OptionalLocation location, const Window& window, size_t spatial, bool negative_pads);

// floor((size + pads - dilated kernel) / stride) + 1 for each dim.
mlir::FailureOr<Shape> windowOutput(OptionalLocation location, const Window& window, llvm::ArrayRef<int64_t> sizes);

// The inverse, for transposed convolutions: (size - 1) * stride + dilated kernel - pads + output_padding.
mlir::FailureOr<Shape> transposedOutput(OptionalLocation location, const Window& window, llvm::ArrayRef<int64_t> sizes,
                                        llvm::ArrayRef<int64_t> output_padding);

}  // namespace plimsoll::graph
