// A graph operation as linalg on tensors, detached from its module: what the emitter reads.
#pragma once

#include "compiler/codegen/pch.h"
#include "ir/graph/graph.h"

namespace plimsoll::codegen {

// `body`'s arguments are the operands; tensors of storage element types. `results` are values of the body.
struct Region {
  mlir::OwningOpRef<mlir::ModuleOp> module;
  mlir::Block* body = nullptr;
  llvm::SmallVector<mlir::Value> results;
};
// `op`: a graph.fusion or one operation of LowerToLinalgInterface. Fails, with a diagnostic where `diagnose`, if a shape is
// open or an operation declines.
mlir::FailureOr<Region> LowerToRegion(mlir::Operation* op, bool diagnose);
// Operations of one block as a fusion outside of it, that yields `results`; null where there are none.
mlir::OwningOpRef<graph::FusionOp> MakeFusion(llvm::ArrayRef<mlir::Operation*> ops, llvm::ArrayRef<mlir::Value> results);
// The dialects that a region is made of.
void LoadKernelDialects(mlir::MLIRContext* context);
// For the kernel's name: "softmax", or "fused_softmax" of a fusion that ends in one.
std::string KernelStem(mlir::Operation* op);
// The operation's text without what a kernel does not depend on: equal keys, equal kernels.
std::string KernelKey(mlir::Operation* op);

inline llvm::ArrayRef<int64_t> ShapeOf(mlir::Value tensor) { return llvm::cast<mlir::RankedTensorType>(tensor.getType()).getShape(); }
inline mlir::Type ElementOf(mlir::Value tensor) { return llvm::cast<mlir::RankedTensorType>(tensor.getType()).getElementType(); }

}  // namespace plimsoll::codegen
