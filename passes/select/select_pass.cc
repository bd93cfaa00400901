#include "passes/select/select_pass.h"

#include "absl/strings/str_cat.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "passes/cost/load_time.h"

namespace plimsoll::passes {
namespace {

// The weight (or what load computes) that a value is a view of.
mlir::Value ViewedValue(mlir::Value value) {
  while (auto view = value.getDefiningOp<graph::ViewInterface>()) {
    if (!view.viewByteOffset()) break;
    value = view->getOperand(0);
  }
  return value;
}

// Whether all that reads `value` or a view of it are operands that a library may want packed.
bool OnlyPackableUses(mlir::Value value) {
  llvm::SmallVector<mlir::Value> pending = {value};
  while (!pending.empty()) {
    for (mlir::OpOperand& use : pending.pop_back_val().getUses()) {
      mlir::Operation* user = use.getOwner();
      if (auto view = llvm::dyn_cast<graph::ViewInterface>(user); view && view.viewByteOffset()) {
        pending.push_back(user->getResult(0));
        continue;
      }
      auto call = llvm::dyn_cast<graph::LibraryCallInterface>(user);
      if (!call || !llvm::is_contained(call.packableOperands(), use.getOperandNumber())) return false;
    }
  }
  return true;
}

class SelectPass : public mlir::PassWrapper<SelectPass, mlir::OperationPass<mlir::func::FuncOp>> {
 public:
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(SelectPass)

  SelectPass() = default;
  SelectPass(LibraryModel& library, std::vector<absl::Status>& refusals) : library_(&library), refusals_(&refusals) {}

  llvm::StringRef getArgument() const override { return "plimsoll-select"; }
  llvm::StringRef getDescription() const override { return "Workspace and packed operands of library calls"; }

  void runOnOperation() override {
    const LoadTime load_time(getOperation());
    bool failed = false;
    getOperation()->walk([&](graph::LibraryCallInterface call) { failed |= !Select(call, load_time); });
    if (failed) signalPassFailure();
  }

 private:
  bool Select(graph::LibraryCallInterface call, const LoadTime& load_time) {
    mlir::OpBuilder builder(call.getContext());
    if (library_ == nullptr) {
      call->setAttr(kWorkspaceAttribute, builder.getI64IntegerAttr(0));
      return true;
    }
    const llvm::SmallVector<unsigned> packable = call.packableOperands();
    const bool constant = !packable.empty() && !load_time.Contains(call.getOperation()) &&
                          llvm::all_of(packable, [&](unsigned operand) {
                            mlir::Value value = call->getOperand(operand);
                            return load_time.Contains(value) && OnlyPackableUses(ViewedValue(value));
                          });
    absl::StatusOr<LibraryAnswer> answer = library_->Ask(call, constant);
    if (!answer.ok() && constant) answer = library_->Ask(call, false);
    if (!answer.ok()) {
      std::string where;
      llvm::raw_string_ostream(where) << call->getLoc();
      refusals_->push_back(absl::Status(
          answer.status().code(), absl::StrCat(call->getName().getStringRef().str(), " at ", where, ": ",
                                               answer.status().message())));
      return false;
    }
    call->setAttr(kWorkspaceAttribute, builder.getI64IntegerAttr(answer->workspace_bytes));
    if (!answer->library.empty()) call->setAttr(kLibraryAttribute, builder.getStringAttr(answer->library));
    llvm::SmallVector<int64_t> packed;
    for (auto [operand, bytes] : answer->packed) packed.append({static_cast<int64_t>(operand), bytes});
    if (!packed.empty()) call->setAttr(kPackedAttribute, builder.getDenseI64ArrayAttr(packed));
    return true;
  }

  LibraryModel* library_ = nullptr;
  std::vector<absl::Status>* refusals_ = nullptr;
};

}  // namespace

std::unique_ptr<mlir::Pass> CreateSelectPass(LibraryModel& library, std::vector<absl::Status>& refusals) {
  return std::make_unique<SelectPass>(library, refusals);
}

void RegisterSelectPass() {
  mlir::registerPass([]() -> std::unique_ptr<mlir::Pass> { return std::make_unique<SelectPass>(); });
}

}  // namespace plimsoll::passes
