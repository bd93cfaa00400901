// Algebra on the graph: what can be left out, or said by an attribute of the operation beside it.
#pragma once

#include <memory>

#include "mlir/Pass/Pass.h"

namespace plimsoll::passes {

// Patterns, applied until nothing changes (each removes an operation or moves one towards the arguments):
//   x * 1, x / 1, x - 0, x ^ 1                 -> x
//   transpose of transpose, reshape of reshape -> one of them, or none
//   a transpose that moves dims of size 1 only -> reshape, which costs nothing
//   a product of transposed operands           -> dot_general with transpose_lhs, transpose_rhs
//   a product of operands scaled by a constant -> dot_general with scale
//   an expand that the elementwise user does by itself -> its operand
//   a whole slice, a concatenation of one      -> its operand
std::unique_ptr<mlir::Pass> CreateSimplifyPass();
void RegisterSimplifyPass();   // plimsoll-simplify

}  // namespace plimsoll::passes
