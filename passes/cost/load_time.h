// What can be computed once, when a plan is loaded: operations that depend on the model's weights and constants alone.
#pragma once

#include "ir/graph/graph.h"

namespace plimsoll::passes {

// An operation with this attribute is left to `run`, whatever it depends on: its result is larger than what it reads.
inline constexpr char kAtRunAttribute[] = "plimsoll.at_run";

class LoadTime {
 public:
  // Walks the operations under `root` once; the bodies of fusions belong to their fusion. O(operands).
  explicit LoadTime(mlir::Operation* root);

  bool Contains(mlir::Value value) const { return values_.contains(value); }
  // A value that was made of such values since.
  void Add(mlir::Value value) { values_.insert(value); }
  bool Contains(mlir::Operation* op) const { return op->getNumResults() > 0 && values_.contains(op->getResult(0)); }

 private:
  llvm::DenseSet<mlir::Value> values_;
};

}  // namespace plimsoll::passes
