#include "passes/fuse/groups.h"

#include <algorithm>
#include <functional>
#include <queue>

namespace plimsoll::passes {
namespace {

constexpr int kMostVisits = 400;

// The operation of `block` that `op` is or lies in; null: outside of it.
mlir::Operation* AncestorIn(mlir::Block& block, mlir::Operation* op) { return op ? block.findAncestorOpInBlock(*op) : nullptr; }

}  // namespace

Groups::Groups(mlir::Block& block) : block_(block) {
  for (mlir::Operation& op : block.without_terminator()) {
    index_[&op] = static_cast<int>(operations_.size());
    parent_.push_back(static_cast<int>(operations_.size()));
    operations_.push_back(&op);
    members_.push_back({&op});
  }
}

void Groups::ForEachProducer(mlir::Operation* op, llvm::function_ref<void(int)> visit) const {
  auto operand = [&](mlir::Value value) {
    mlir::Operation* producer = value.getDefiningOp();
    if (producer == nullptr || producer->getBlock() != &block_) return;
    const auto at = index_.find(producer);
    if (at != index_.end()) visit(at->second);
  };
  for (mlir::Value value : op->getOperands()) operand(value);
  if (op->getNumRegions() == 0 || llvm::isa<graph::FusionOp>(op)) return;
  op->walk([&](mlir::Operation* inner) {
    for (mlir::Value value : inner->getOperands()) operand(value);
  });
}

bool Groups::MayJoin(llvm::ArrayRef<int> groups) const {
  // Backwards from what the groups read outside of themselves: nothing there may lie in one of them. What comes before
  // the first of them in the block cannot depend on them, unless its own group reaches further.
  int first = parent_.size();
  for (int group : groups) first = std::min(first, index_.lookup(members_[group].front()));
  llvm::SmallVector<int> pending;
  llvm::SmallDenseSet<int> seen;
  auto visit_members = [&](int group, bool outermost) {
    bool cycle = false;
    for (mlir::Operation* member : members_[group]) {
      ForEachProducer(member, [&](int producer) {
        const int root = Root(producer);
        if (llvm::is_contained(groups, root)) {
          cycle |= !outermost;
        } else if (index_.lookup(members_[root].back()) > first && seen.insert(root).second) {
          pending.push_back(root);
        }
      });
    }
    return cycle;
  };
  for (int group : groups) visit_members(group, true);
  int visits = 0;
  while (!pending.empty()) {
    if (++visits > kMostVisits) return false;
    if (visit_members(pending.pop_back_val(), false)) return false;
  }
  return true;
}

int Groups::Join(llvm::ArrayRef<int> groups) {
  const int root = *std::min_element(groups.begin(), groups.end());
  for (int group : groups) {
    if (group == root) continue;
    parent_[group] = root;
    members_[root].insert(members_[root].end(), members_[group].begin(), members_[group].end());
    members_[group].clear();
  }
  std::sort(members_[root].begin(), members_[root].end(),
            [&](mlir::Operation* a, mlir::Operation* b) { return index_.lookup(a) < index_.lookup(b); });
  return root;
}

llvm::SmallVector<mlir::Value> Groups::Results(llvm::ArrayRef<mlir::Operation*> ops) {
  llvm::SmallDenseSet<mlir::Operation*> inside(ops.begin(), ops.end());
  llvm::SmallVector<mlir::Value> results;
  for (mlir::Operation* op : ops) {
    for (mlir::Value result : op->getResults()) {
      if (llvm::any_of(result.getUsers(), [&](mlir::Operation* user) { return !inside.contains(user); })) {
        results.push_back(result);
      }
    }
  }
  return results;
}

void SortBlock(mlir::Block& block) {
  std::vector<mlir::Operation*> operations;
  llvm::DenseMap<mlir::Operation*, int> index;
  for (mlir::Operation& op : block.without_terminator()) {
    index[&op] = static_cast<int>(operations.size());
    operations.push_back(&op);
  }
  std::vector<std::vector<int>> users(operations.size());
  std::vector<int> unmet(operations.size(), 0);
  for (size_t i = 0; i < operations.size(); ++i) {
    llvm::SmallDenseSet<int> producers;
    operations[i]->walk([&](mlir::Operation* inner) {
      for (mlir::Value operand : inner->getOperands()) {
        mlir::Operation* producer = AncestorIn(block, operand.getDefiningOp());
        if (producer == nullptr || producer == operations[i]) continue;
        const int number = index.lookup(producer);
        if (producers.insert(number).second) users[number].push_back(static_cast<int>(i));
      }
    });
    unmet[i] = static_cast<int>(producers.size());
  }
  std::priority_queue<int, std::vector<int>, std::greater<int>> ready;
  for (size_t i = 0; i < operations.size(); ++i) {
    if (unmet[i] == 0) ready.push(static_cast<int>(i));
  }
  mlir::Operation* end = block.getTerminator();
  while (!ready.empty()) {
    const int next = ready.top();
    ready.pop();
    operations[next]->moveBefore(end);
    for (int user : users[next]) {
      if (--unmet[user] == 0) ready.push(user);
    }
  }
}

}  // namespace plimsoll::passes
