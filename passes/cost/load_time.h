// What can be computed once, when a plan is loaded: operations that depend on the model's weights and constants alone.
#pragma once

#include "ir/graph/graph.h"

namespace plimsoll::passes {

class LoadTime {
 public:
  // Walks the operations under `root` once; the bodies of fusions belong to their fusion. O(operands).
  explicit LoadTime(mlir::Operation* root);

  bool Contains(mlir::Value value) const { return values_.contains(value); }
  bool Contains(mlir::Operation* op) const { return op->getNumResults() > 0 && values_.contains(op->getResult(0)); }

 private:
  llvm::DenseSet<mlir::Value> values_;
};

}  // namespace plimsoll::passes
