// A layer as the library's graph of operations.
#pragma once

#include <string>

#include "runtime/library/cudnn/graph.h"
#include "runtime/library/cudnn/layer.h"

namespace plimsoll::runtime::cudnn {

// Adds the layer's operations to `graph`, which has none yet: the convolution, or its gradient by the data; then, in
// the order that the library's ready-made engines know, the addend, the bias, relu. What is between them is f32.
// Tensors stand for the operands of the plan's operation.
void AddConvolution(const Layer& layer, Graph& graph);

// For messages: "a convolution of F32, 1x4x8x8 * 4x4x3x3 -> 1x4x8x8, ...".
std::string Describe(const Layer& layer);

}  // namespace plimsoll::runtime::cudnn
