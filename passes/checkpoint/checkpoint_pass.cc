#include "passes/checkpoint/checkpoint_pass.h"

#include <algorithm>

#include "passes/checkpoint/block_problem.h"
#include "passes/checkpoint/solver.h"

namespace plimsoll::passes {
namespace {

// The node whose computation alone needs the most memory.
int Hungriest(const checkpoint::Problem& problem) {
  int hungriest = -1;
  int64_t most = -1;
  for (size_t v = 0; v < problem.nodes.size(); ++v) {
    int64_t bytes = problem.nodes[v].size + problem.nodes[v].workspace;
    for (int u : problem.nodes[v].inputs) bytes += problem.nodes[u].size;
    if (bytes <= most) continue;
    most = bytes;
    hungriest = static_cast<int>(v);
  }
  return hungriest;
}

class CheckpointPass : public mlir::PassWrapper<CheckpointPass, mlir::OperationPass<mlir::func::FuncOp>> {
 public:
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(CheckpointPass)

  CheckpointPass() = default;
  CheckpointPass(int64_t budget_bytes, int64_t max_steps) {
    budget_bytes_ = budget_bytes;
    max_steps_ = max_steps;
  }
  CheckpointPass(const CheckpointPass& other) : PassWrapper(other) {}

  llvm::StringRef getArgument() const override { return "plimsoll-checkpoint"; }
  llvm::StringRef getDescription() const override { return "What is computed again so that memory stays within a budget"; }

  void runOnOperation() override {
    BlockProblem block(getOperation());
    if (checkpoint::PeakWithoutRematerialization(block.problem()) <= budget_bytes_) return;
    checkpoint::Options options;
    options.max_steps = max_steps_;
    const auto answers = checkpoint::Solve(block.problem(), {budget_bytes_}, options);
    const absl::Status status = answers.ok() ? answers->front().status : answers.status();
    if (status.ok()) {
      block.Realize(answers->front().solution.sequence);
      return;
    }
    const int node = Hungriest(block.problem());
    mlir::Operation* at = node >= 0 ? block.operation(node) : nullptr;
    (at ? at : getOperation().getOperation())->emitError() << std::string(status.message());
    signalPassFailure();
  }

 private:
  Option<int64_t> budget_bytes_{*this, "budget-bytes", llvm::cl::desc("Bytes that arguments, results and workspace may take"),
                                llvm::cl::init(0)};
  Option<int64_t> max_steps_{*this, "max-steps", llvm::cl::desc("Limit of the search; 0: by the size of the block"),
                             llvm::cl::init(0)};
};

}  // namespace

std::unique_ptr<mlir::Pass> CreateCheckpointPass(int64_t budget_bytes, int64_t max_steps) {
  return std::make_unique<CheckpointPass>(budget_bytes, max_steps);
}
void RegisterCheckpointPass() {
  mlir::registerPass([]() -> std::unique_ptr<mlir::Pass> { return std::make_unique<CheckpointPass>(); });
}

}  // namespace plimsoll::passes
