// Which operations of a block are to become one kernel: the bookkeeping of groups and of the order between them.
#pragma once

#include <vector>

#include "ir/graph/graph.h"

namespace plimsoll::passes {

class Groups {
 public:
  explicit Groups(mlir::Block& block);

  // Each operation begins in a group of its own.
  int Of(mlir::Operation* op) const { return Root(index_.lookup(op)); }
  bool Contains(mlir::Operation* op) const { return index_.contains(op); }
  const std::vector<mlir::Operation*>& Members(int group) const { return members_[group]; }
  int size() const { return static_cast<int>(members_.size()); }

  // Whether joining these groups (roots) into one leaves the groups without cycles: no path leads out of one of them
  // through an operation of neither and into another. Gives up, with false, after some hundred operations.
  bool MayJoin(llvm::ArrayRef<int> groups) const;
  // Joins them; members stay in the order of the block. Returns the root.
  int Join(llvm::ArrayRef<int> groups);

  // Values of a set of operations that something outside of it uses, in order.
  static llvm::SmallVector<mlir::Value> Results(llvm::ArrayRef<mlir::Operation*> ops);
  // Operations of the block that an operation depends on directly, those that its regions read included.
  void ForEachProducer(mlir::Operation* op, llvm::function_ref<void(int)> visit) const;

 private:
  int Root(int index) const {
    while (parent_[index] != index) index = parent_[index] = parent_[parent_[index]];
    return index;
  }

  mlir::Block& block_;
  llvm::DenseMap<mlir::Operation*, int> index_;   // position in the block
  std::vector<mlir::Operation*> operations_;
  std::vector<std::vector<mlir::Operation*>> members_;
  mutable std::vector<int> parent_;
};

// Orders a block's operations so that each comes after what it uses, otherwise as near to their present order as that
// allows. O(n log n).
void SortBlock(mlir::Block& block);

}  // namespace plimsoll::passes
