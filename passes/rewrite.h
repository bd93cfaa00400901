// How the passes apply patterns.
#pragma once

#include <utility>

#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace plimsoll::passes {

// From the top down, regions as they are, until nothing matches or the driver's limit is met: where that comes first, what
// was done is right all the same.
inline void RewriteGreedily(mlir::Operation* root, mlir::RewritePatternSet patterns) {
  mlir::GreedyRewriteConfig config;
  config.useTopDownTraversal = true;
  config.enableRegionSimplification = mlir::GreedySimplifyRegionLevel::Disabled;
  (void)mlir::applyPatternsAndFoldGreedily(root, std::move(patterns), config);
}

}  // namespace plimsoll::passes
