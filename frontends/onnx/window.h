// What convolutions and pools have in common: kernel, strides, dilations, pads with auto_pad resolved.
#pragma once

#include "frontends/onnx/node.h"

namespace plimsoll::onnx_frontend {

struct Window {
  Dims kernel, strides, dilations, pads_begin, pads_end;
  bool ceil_mode = false;

  size_t rank() const { return kernel.size(); }
  int64_t Extent(size_t d) const { return (kernel[d] - 1) * dilations[d] + 1; }  // of the dilated kernel
};

// Reads the attributes of a node whose operand is [N, C, spatial...]. `kernel` where the attribute kernel_shape is absent.
// Throws where sizes are out of range.
Window ReadWindow(NodeContext& c, Value operand, const Dims& kernel);

// The output's size along spatial dim d.
int64_t WindowOutput(const Window& window, size_t d, int64_t size);

}  // namespace plimsoll::onnx_frontend
