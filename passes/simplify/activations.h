// Activation functions that a model spells out in elementwise operations, as one operation that libraries know as a
// post-operation.
#pragma once

#include "mlir/IR/PatternMatch.h"

namespace plimsoll::passes {

// GELU by erf and by tanh, SiLU and x sigmoid(alpha x), hard swish, mish: whichever way their products and sums are
// associated and ordered. Constants may be rounded to the tensor's type, or to six digits.
void AddActivationPatterns(mlir::RewritePatternSet& patterns);

}  // namespace plimsoll::passes
