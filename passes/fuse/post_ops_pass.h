// What follows a contraction and costs nothing inside of it: scale, bias, activation, and one more operand.
#pragma once

#include <memory>

#include "mlir/Pass/Pass.h"
#include "passes/select/library_model.h"

namespace plimsoll::passes {

// Takes the one user of a floating-point dot_general or convolution into it, as long as there is one that the library
// knows. A residual that nothing reads later is added in its own place (`sum`); others are read beside (`binary`).
// Scales and biases of convolutions go into weights that load computes.
// Where `library` is given, nothing is taken that would move the operation from a library to a generated kernel: what
// follows then stays a kernel of its own, and a bias that alone keeps a convolution from the library becomes one. A
// generated kernel takes everything.
std::unique_ptr<mlir::Pass> CreatePostOpsPass(LibraryModel* library = nullptr);
// plimsoll-post-ops{takes=bias,relu}: with a library that takes these alone.
void RegisterPostOpsPass();

}  // namespace plimsoll::passes
