#include "ir/graph/window.h"

namespace plimsoll::graph {

using mlir::emitOptionalError;
using mlir::failure;
using mlir::FailureOr;

mlir::LogicalResult requireWindow(OptionalLocation location, const Window& window, size_t spatial, bool negative_pads) {
  constexpr int64_t kLimit = int64_t{1} << 31;
  for (llvm::ArrayRef<int64_t> values :
       {window.kernel, window.strides, window.dilations, window.pads_begin, window.pads_end}) {
    if (values.size() != spatial)
      return emitOptionalError(location, "(W1) expected ", spatial, " values, one a spatial dimension, found [", values,
                               "]");
    for (int64_t value : values)
      if (value <= -kLimit || value >= kLimit) return emitOptionalError(location, "(W2) a window with [", values, "]");
  }
  for (llvm::ArrayRef<int64_t> values : {window.kernel, window.strides, window.dilations})
    for (int64_t value : values)
      if (value < 1)
        return emitOptionalError(location, "(W2) kernel, strides and dilations are positive, found [", values, "]");
  for (llvm::ArrayRef<int64_t> values : {window.pads_begin, window.pads_end})
    for (int64_t value : values)
      if (value < 0 && !negative_pads) return emitOptionalError(location, "(W2) negative padding [", values, "]");
  return mlir::success();
}

FailureOr<Shape> windowOutput(OptionalLocation location, const Window& window, llvm::ArrayRef<int64_t> sizes) {
  Shape result;
  for (size_t i = 0; i < sizes.size(); ++i) {
    // Sizes are below 2^48 and the rest below 2^31: products below 2^62.
    int64_t extent = (window.kernel[i] - 1) * window.dilations[i] + 1;
    int64_t room = sizes[i] + window.pads_begin[i] + window.pads_end[i] - extent;
    if (room < 0)
      return emitOptionalError(location, "(W3) a window of ", extent, " does not fit into dimension ", i, " of size ",
                               sizes[i], " with padding ", window.pads_begin[i], " and ", window.pads_end[i]);
    result.push_back(room / window.strides[i] + 1);
  }
  return result;
}

FailureOr<Shape> transposedOutput(OptionalLocation location, const Window& window, llvm::ArrayRef<int64_t> sizes,
                                  llvm::ArrayRef<int64_t> output_padding) {
  if (!output_padding.empty() && output_padding.size() != sizes.size())
    return emitOptionalError(location, "(W1) expected ", sizes.size(), " values of output padding, found [",
                             output_padding, "]");
  Shape result;
  for (size_t i = 0; i < sizes.size(); ++i) {
    int64_t extra = output_padding.empty() ? 0 : output_padding[i];
    if (extra < 0 || extra >= (int64_t{1} << 31))
      return emitOptionalError(location, "(W2) output padding [", output_padding, "]");
    int64_t span;
    if (__builtin_mul_overflow(sizes[i] - 1, window.strides[i], &span) || span >= kMaxSize)
      return emitOptionalError(location, "(S1) dimension ", i, " of the result is too large");
    int64_t size =
        span + (window.kernel[i] - 1) * window.dilations[i] + 1 - window.pads_begin[i] - window.pads_end[i] + extra;
    if (size < 0) return emitOptionalError(location, "(W3) dimension ", i, " of the result would have size ", size);
    result.push_back(size);
  }
  return result;
}

}  // namespace plimsoll::graph
