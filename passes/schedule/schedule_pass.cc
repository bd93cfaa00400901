#include "passes/schedule/schedule_pass.h"

#include <numeric>
#include <utility>

#include "ir/graph/graph.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "passes/cost/load_time.h"
#include "passes/cost/memory_of.h"
#include "passes/schedule/json.h"
#include "passes/schedule/solver.h"

namespace plimsoll::passes {
namespace {

class Scheduler {
 public:
  explicit Scheduler(mlir::func::FuncOp function) : block_(function.getBody().front()), load_time_(function) {}

  mlir::LogicalResult Run(int64_t max_steps, std::string* text) {
    Build();
    if (text != nullptr) *text = Text();
    if (nodes_.size() < 3) return mlir::success();
    schedule::Options options;
    options.max_steps = max_steps;
    absl::StatusOr<schedule::Solution> solution = schedule::Solve(problem_, options);
    if (!solution.ok()) {
      return block_.getParentOp()->emitError() << "no order was found: " << std::string(solution.status().message());
    }
    Reorder(solution->order);
    return mlir::success();
  }

 private:
  void Build() {
    for (mlir::BlockArgument argument : block_.getArguments()) TensorOf(argument);
    for (mlir::Operation& op : block_.without_terminator()) {
      if (load_time_.Contains(&op) || IsView(&op)) continue;
      schedule::Node node;
      node.workspace = WorkspaceOf(&op);
      op.walk([&](mlir::Operation* inner) {
        for (mlir::Value operand : inner->getOperands()) {
          const int tensor = Known(operand);
          if (tensor >= 0) node.inputs.push_back(tensor);
        }
      });
      for (mlir::Value result : op.getResults()) node.outputs.push_back(TensorOf(result));
      nodes_.push_back(&op);
      problem_.nodes.push_back(std::move(node));
    }
    for (mlir::Value value : block_.getTerminator()->getOperands()) {
      const int tensor = Known(value);
      if (tensor >= 0) problem_.outputs.push_back(tensor);
    }
  }

  std::string Text() const {
    schedule::NamedProblem named{.problem = problem_};
    for (size_t t = 0; t < problem_.tensors.size(); ++t) named.tensors.push_back(std::to_string(t));
    for (size_t v = 0; v < nodes_.size(); ++v) {
      named.nodes.push_back(std::to_string(v));
      std::string name = nodes_[v]->getName().getStringRef().str();
      if (auto location = llvm::dyn_cast<mlir::NameLoc>(nodes_[v]->getLoc())) name += " " + location.getName().str();
      named.names.push_back(std::move(name));
    }
    return schedule::WriteProblem(named);
  }

  int TensorOf(mlir::Value value) {
    problem_.tensors.push_back({BytesOf(value)});
    return tensors_[value] = static_cast<int>(problem_.tensors.size()) - 1;
  }

  // The tensor that a value is, or is a view of; -1: computed by load, or inside of an operation.
  int Known(mlir::Value value) {
    while (mlir::Operation* op = value.getDefiningOp()) {
      if (!IsView(op)) break;
      value = op->getOperand(0);
    }
    const auto at = tensors_.find(value);
    return at == tensors_.end() ? -1 : at->second;
  }

  // Nodes in `order`, each after those views and load-time operations that it needs and that nothing before it needed.
  void Reorder(llvm::ArrayRef<int> order) {
    mlir::Operation* end = block_.getTerminator();
    llvm::DenseSet<mlir::Operation*> placed;
    auto place = [&](mlir::Operation* root) {
      llvm::SmallVector<std::pair<mlir::Operation*, bool>> pending = {{root, false}};
      while (!pending.empty()) {
        auto [op, ready] = pending.pop_back_val();
        if (ready) {
          if (placed.insert(op).second) op->moveBefore(end);
          continue;
        }
        if (placed.contains(op)) continue;
        pending.push_back({op, true});
        llvm::SmallVector<mlir::Operation*> producers;
        op->walk([&](mlir::Operation* inner) {
          for (mlir::Value operand : inner->getOperands()) {
            mlir::Operation* producer = operand.getDefiningOp();
            if (producer && producer->getBlock() == &block_ && !placed.contains(producer)) producers.push_back(producer);
          }
        });
        for (mlir::Operation* producer : llvm::reverse(producers)) pending.push_back({producer, false});
      }
    };
    llvm::SmallVector<mlir::Operation*> before;
    for (mlir::Operation& op : block_.without_terminator()) before.push_back(&op);
    for (int node : order) place(nodes_[node]);
    for (mlir::Operation* op : before) place(op);
  }

  mlir::Block& block_;
  LoadTime load_time_;
  std::vector<mlir::Operation*> nodes_;
  llvm::DenseMap<mlir::Value, int> tensors_;
  schedule::Problem problem_;
};

class SchedulePass : public mlir::PassWrapper<SchedulePass, mlir::OperationPass<mlir::func::FuncOp>> {
 public:
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(SchedulePass)

  SchedulePass(int64_t max_steps, std::string* problem) : max_steps_(max_steps), problem_(problem) {}

  llvm::StringRef getArgument() const override { return "plimsoll-schedule"; }
  llvm::StringRef getDescription() const override { return "The order of operations that needs the least memory"; }

  void runOnOperation() override {
    std::string* problem = getOperation().getName() == "main" ? problem_ : nullptr;
    if (mlir::failed(Scheduler(getOperation()).Run(max_steps_, problem))) signalPassFailure();
  }

 private:
  int64_t max_steps_;
  std::string* problem_;
};

}  // namespace

std::unique_ptr<mlir::Pass> CreateSchedulePass(int64_t max_steps, std::string* problem) {
  return std::make_unique<SchedulePass>(max_steps, problem);
}
void RegisterSchedulePass() {
  mlir::registerPass([]() -> std::unique_ptr<mlir::Pass> { return CreateSchedulePass(); });
}

}  // namespace plimsoll::passes
