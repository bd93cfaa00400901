// The operations of a function's top block as a rematerialization problem, and a sequence written back into the block.
#pragma once

#include <string>
#include <vector>

#include "ir/graph/graph.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "passes/checkpoint/problem.h"
#include "passes/cost/load_time.h"

namespace plimsoll::passes {

// A unit attribute of an operation that computes once more what another one has computed.
inline constexpr char kRecomputedAttribute[] = "plimsoll.recomputed";

// Nodes are the function's arguments, which are there once, then the operations in the order of the block. Left out are
// views, which belong to what they look at, and what load computes. Costs are in units of one FLOP of a contraction.
class BlockProblem {
 public:
  explicit BlockProblem(mlir::func::FuncOp function);

  const checkpoint::Problem& problem() const { return problem_; }
  // As `plimsoll solve rematerialization` reads it, without a budget; a node's id is its number.
  std::string Json() const;
  // The operation of a node; null for an argument.
  mlir::Operation* operation(int node) const { return operations_[node]; }

  // Lays out the block in `sequence`, a solution's: the first computation of a node is its operation, later ones are
  // copies marked with kRecomputedAttribute, and each reads what was computed last. Views are copied with what they look
  // at. Returns the operation that each copy was made from. Called at most once.
  llvm::DenseMap<mlir::Operation*, mlir::Operation*> Realize(llvm::ArrayRef<int> sequence);

 private:
  bool IsRunView(mlir::Operation* op) const;
  int NodeOf(mlir::Value value) const;
  mlir::Value Latest(mlir::Value value);
  void ReadLatest(mlir::Operation* op);

  mlir::Block& block_;
  LoadTime load_time_;
  checkpoint::Problem problem_;
  std::vector<mlir::Operation*> operations_;
  llvm::DenseMap<mlir::Value, int> nodes_;  // by value: the node that makes it
  llvm::DenseMap<mlir::Value, mlir::Value> original_, latest_;
  llvm::DenseMap<std::pair<mlir::Operation*, mlir::Value>, mlir::Value> views_;  // by view and what it looks at
};

}  // namespace plimsoll::passes
