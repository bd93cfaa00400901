#include "passes/checkpoint/block_problem.h"

#include <algorithm>

#include "passes/checkpoint/json.h"
#include "passes/cost/memory_of.h"

namespace plimsoll::passes {
namespace {

// A processor of today: for each byte that it moves it does eight operations of a contraction, or two others.
constexpr double kContractionFlopsPerByte = 8;
constexpr double kVectorFlopsPerByte = 2;

double CostOf(mlir::Operation* op) {
  auto interface = llvm::dyn_cast<graph::CostInterface>(op);
  if (!interface) return 0;
  const graph::Cost work = interface.cost();
  const double flops = work.contraction_flops + work.vector_flops * kContractionFlopsPerByte / kVectorFlopsPerByte;
  const double bytes = static_cast<double>(work.bytes_read) + static_cast<double>(work.bytes_written);
  return std::max(flops, bytes * kContractionFlopsPerByte);
}

bool MayRunAgain(mlir::Operation* op) {
  if (op->hasTrait<graph::ControlOp>() || !mlir::isMemoryEffectFree(op)) return false;
  auto repeatable = llvm::dyn_cast<graph::RematerializableInterface>(op);
  return repeatable && repeatable.isRematerializable();
}

}  // namespace

BlockProblem::BlockProblem(mlir::func::FuncOp function) : block_(function.getBody().front()), load_time_(function) {
  for (mlir::BlockArgument argument : block_.getArguments()) {
    nodes_[argument] = static_cast<int>(operations_.size());
    operations_.push_back(nullptr);
    checkpoint::Node node;
    node.size = BytesOf(argument);
    node.once = true;
    problem_.nodes.push_back(std::move(node));
  }
  for (mlir::Operation& op : block_.without_terminator()) {
    if (load_time_.Contains(&op) || IsRunView(&op)) continue;
    checkpoint::Node node;
    node.workspace = WorkspaceOf(&op);
    node.cost = CostOf(&op);
    node.once = !MayRunAgain(&op);
    op.walk([&](mlir::Operation* inner) {
      for (mlir::Value operand : inner->getOperands()) {
        const int input = NodeOf(operand);
        if (input >= 0 && !llvm::is_contained(node.inputs, input)) node.inputs.push_back(input);
      }
    });
    for (mlir::Value result : op.getResults()) {
      nodes_[result] = static_cast<int>(operations_.size());
      node.size += BytesOf(result);
    }
    operations_.push_back(&op);
    problem_.nodes.push_back(std::move(node));
  }
  for (mlir::Value value : block_.getTerminator()->getOperands()) {
    const int output = NodeOf(value);
    if (output >= 0 && !llvm::is_contained(problem_.outputs, output)) problem_.outputs.push_back(output);
  }
  for (size_t v = 0; v < problem_.nodes.size(); ++v) problem_.order.push_back(static_cast<int>(v));
}

std::string BlockProblem::Json() const {
  checkpoint::NamedProblem named{problem_, {}, {}};
  for (size_t v = 0; v < problem_.nodes.size(); ++v) named.nodes.push_back(std::to_string(v));
  return checkpoint::WriteProblem(named);
}

bool BlockProblem::IsRunView(mlir::Operation* op) const {
  auto view = llvm::dyn_cast<graph::ViewInterface>(op);
  return view && view.viewByteOffset().has_value() && !load_time_.Contains(op);
}

// -1: computed by load, or inside of an operation.
int BlockProblem::NodeOf(mlir::Value value) const {
  while (mlir::Operation* op = value.getDefiningOp()) {
    if (!IsRunView(op)) break;
    value = op->getOperand(0);
  }
  const auto at = nodes_.find(value);
  return at == nodes_.end() ? -1 : at->second;
}

// What holds the value of `value`, of the block as it was, now. Views are placed, or copied, before the terminator.
mlir::Value BlockProblem::Latest(mlir::Value value) {
  if (const auto at = original_.find(value); at != original_.end()) value = at->second;
  // The chain of views down to what a node makes.
  llvm::SmallVector<mlir::Operation*> chain;
  mlir::Value base = value;
  while (mlir::Operation* op = base.getDefiningOp()) {
    if (op->getBlock() != &block_ || !IsRunView(op)) break;
    chain.push_back(op);
    base = op->getOperand(0);
    if (const auto at = original_.find(base); at != original_.end()) base = at->second;
  }
  const auto copy = latest_.find(base);
  mlir::Value latest = copy == latest_.end() ? base : copy->second;
  mlir::Operation* end = block_.getTerminator();
  for (mlir::Operation* view : llvm::reverse(chain)) {
    mlir::Value& made = views_[{view, latest}];
    if (!made) {
      if (latest == view->getOperand(0)) {
        view->moveBefore(end);
        made = view->getResult(0);
      } else {
        mlir::Operation* clone = view->clone();
        clone->setOperand(0, latest);
        block_.getOperations().insert(end->getIterator(), clone);
        made = clone->getResult(0);
        original_[made] = view->getResult(0);
      }
    }
    latest = made;
  }
  return latest;
}

void BlockProblem::ReadLatest(mlir::Operation* op) {
  op->walk([&](mlir::Operation* inner) {
    for (mlir::OpOperand& operand : inner->getOpOperands()) {
      if (operand.get().getParentBlock() == &block_) operand.set(Latest(operand.get()));
    }
  });
}

llvm::DenseMap<mlir::Operation*, mlir::Operation*> BlockProblem::Realize(llvm::ArrayRef<int> sequence) {
  llvm::DenseMap<mlir::Operation*, mlir::Operation*> made_from;
  mlir::Operation* end = block_.getTerminator();
  std::vector<char> computed(operations_.size(), 0);
  for (int v : sequence) {
    mlir::Operation* op = operations_[v];
    if (op == nullptr) continue;
    if (!computed[v]) {
      computed[v] = 1;
      ReadLatest(op);
      op->moveBefore(end);
      continue;
    }
    mlir::Operation* clone = op->clone();
    block_.getOperations().insert(end->getIterator(), clone);
    ReadLatest(clone);
    // Its views came before the terminator, hence after it.
    clone->moveBefore(end);
    clone->setAttr(kRecomputedAttribute, mlir::UnitAttr::get(clone->getContext()));
    for (auto [from, to] : llvm::zip_equal(op->getResults(), clone->getResults())) {
      original_[to] = from;
      latest_[from] = to;
    }
    made_from[clone] = op;
  }
  ReadLatest(end);
  // Views that nothing reads any more; they may stand before what they look at.
  llvm::SmallVector<mlir::Operation*> views;
  for (mlir::Operation& op : block_.without_terminator()) {
    if (IsRunView(&op)) views.push_back(&op);
  }
  for (mlir::Operation* view : llvm::reverse(views)) {
    if (view->use_empty()) view->erase();
  }
  return made_from;
}

}  // namespace plimsoll::passes
