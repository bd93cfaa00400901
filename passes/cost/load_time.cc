#include "passes/cost/load_time.h"

namespace plimsoll::passes {
namespace {

bool MayRunOnce(mlir::Operation* op) {
  if (op->hasTrait<graph::ControlOp>() || op->hasTrait<mlir::OpTrait::IsTerminator>()) return false;
  if (op->getNumResults() == 0 || !mlir::isMemoryEffectFree(op)) return false;
  if (op->hasAttr(kAtRunAttribute)) return false;
  auto repeatable = llvm::dyn_cast<graph::RematerializableInterface>(op);
  return !repeatable || repeatable.isRematerializable();
}

}  // namespace

LoadTime::LoadTime(mlir::Operation* root) {
  root->walk<mlir::WalkOrder::PreOrder>([&](mlir::Operation* op) {
    if (op != root && MayRunOnce(op) &&
        llvm::all_of(op->getOperands(), [&](mlir::Value operand) { return values_.contains(operand); })) {
      values_.insert(op->result_begin(), op->result_end());
    }
    return llvm::isa<graph::FusionOp>(op) ? mlir::WalkResult::skip() : mlir::WalkResult::advance();
  });
}

}  // namespace plimsoll::passes
