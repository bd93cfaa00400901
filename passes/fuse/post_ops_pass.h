// What follows a contraction and costs nothing inside of it: scale, bias, activation, and one more operand.
#pragma once

#include <memory>

#include "mlir/Pass/Pass.h"

namespace plimsoll::passes {

// Takes the one user of a floating-point dot_general or convolution into it, as long as there is one that the library
// knows. A residual that nothing reads later is added in its own place (`sum`); others are read beside (`binary`).
// Scales and biases of convolutions go into weights that load computes.
std::unique_ptr<mlir::Pass> CreatePostOpsPass();
void RegisterPostOpsPass();   // plimsoll-post-ops

}  // namespace plimsoll::passes
