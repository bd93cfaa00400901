// Regions of generated operations that become one kernel each (graph.fusion).
#pragma once

#include <functional>
#include <memory>

#include "ir/graph/graph.h"
#include "mlir/Pass/Pass.h"

namespace plimsoll::passes {

// Whether operations of one block would make one kernel that yields `results`, no worse than the parts: codegen answers.
using FusionOracle = std::function<bool(llvm::ArrayRef<mlir::Operation*> ops, llvm::ArrayRef<mlir::Value> results)>;

// Groups producers with their consumers, in the order of the block, as long as the oracle agrees and no cycle arises.
// A value that others use too becomes one more result; what is cheap to compute again (expand, small constants) is
// copied into each group that reads it. Near-linear: searches for cycles are cut off, and count as cycles.
std::unique_ptr<mlir::Pass> CreateFusePass(FusionOracle oracle);

// plimsoll-fuse for plimsoll-opt: an oracle that takes elementwise operations of one shape.
void RegisterFusePass();

}  // namespace plimsoll::passes
