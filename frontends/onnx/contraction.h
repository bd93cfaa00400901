// Contractions that several families use.
#pragma once

#include "frontends/onnx/node.h"

namespace plimsoll::onnx_frontend {

// numpy's matmul: vectors are seen as a row on the left and a column on the right.
Value MatrixProduct(Emitter& e, Value lhs, Value rhs, Emitter::DotOptions options = {});

// Strides, dilations, pads and groups of a Conv-like node.
Emitter::ConvolutionOptions ConvolutionAttributes(NodeContext& c, Value operand, Value weights);

// ONNX Einsum.
void Einsum(NodeContext& c);

}  // namespace plimsoll::onnx_frontend
