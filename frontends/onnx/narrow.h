// Elements of types that plans keep in a wider one (see ir/plan/onnx_elements.h).
#pragma once

#include "frontends/onnx/node.h"
#include "ir/plan/onnx_elements.h"

namespace plimsoll::onnx_frontend {

// Numbers as the narrow type has them, in the type that keeps them. Integers wrap around; 4-bit floats round to the
// nearest, ties to even, and saturate (NaN, which they lack, becomes -0); E8M0 rounds as `round_mode` ("up", "down",
// "nearest") states.
Value CastToNarrow(NodeContext& c, Value x, const plan::OnnxElement& element, bool saturate = true,
                   const std::string& round_mode = "up");

}  // namespace plimsoll::onnx_frontend
