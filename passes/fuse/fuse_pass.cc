#include "passes/fuse/fuse_pass.h"

#include "llvm/ADT/SetVector.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/IRMapping.h"
#include "passes/cost/load_time.h"
#include "passes/cost/memory_of.h"
#include "passes/fuse/groups.h"

namespace plimsoll::passes {
namespace {

constexpr size_t kMostMembers = 40;
constexpr size_t kMostOperands = 24;           // of one kernel, results included
constexpr int64_t kInlinedConstant = 16;       // elements that a kernel holds in itself

bool IsGenerated(mlir::Operation* op) {
  return llvm::isa<graph::LowerToLinalgInterface>(op) && llvm::all_of(op->getResultTypes(), [](mlir::Type type) {
           return llvm::cast<mlir::RankedTensorType>(type).hasStaticShape();
         });
}

bool IsSmallConstant(mlir::Value value) {
  auto constant = value.getDefiningOp<graph::ConstantOp>();
  return constant && llvm::cast<mlir::RankedTensorType>(constant.getType()).getNumElements() <= kInlinedConstant;
}

int64_t Elements(mlir::Value value) {
  auto type = llvm::cast<mlir::RankedTensorType>(value.getType());
  return type.hasStaticShape() ? type.getNumElements() : 0;
}

// Computing it again costs no more than reading it.
bool IsCheap(mlir::Operation* op) {
  if (llvm::isa<graph::ExpandOp, graph::IotaOp>(op)) return true;
  auto cast = llvm::dyn_cast<graph::CastOp>(op);
  if (!cast) return false;
  auto from = llvm::dyn_cast<mlir::FloatType>(cast.getOperand().getType().getElementType());
  auto to = llvm::dyn_cast<mlir::FloatType>(cast.getType().getElementType());
  return (from && to && from.getWidth() < to.getWidth()) || cast.getOperand().getDefiningOp<graph::ExpandOp>();
}

class BlockFuser {
 public:
  BlockFuser(mlir::Block& block, const LoadTime& load_time, const FusionOracle& oracle)
      : block_(block), load_time_(load_time), oracle_(oracle), groups_(block) {}

  void Run() {
    std::vector<mlir::Operation*> operations;
    for (mlir::Operation& op : block_.without_terminator()) operations.push_back(&op);
    for (mlir::Operation* op : operations) {
      if (IsGenerated(op) && !IsView(op) && !GoesWithReader(op)) JoinProducers(op);
    }
    bool changed = false;
    std::vector<std::vector<mlir::Operation*>> chosen;
    for (int group = 0; group < groups_.size(); ++group) {
      if (groups_.Members(group).size() > 1) chosen.push_back(groups_.Members(group));
    }
    for (const auto& members : chosen) {
      Outline(members);
      changed = true;
    }
    if (changed) SortBlock(block_);
  }

 private:
  // What is cheap joins its one reader before its producer: what it makes is wider than what it reads.
  bool GoesWithReader(mlir::Operation* op) const {
    if (!IsCheap(op) || load_time_.Contains(op)) return false;
    for (mlir::Operation* from = op; from->hasOneUse();) {
      mlir::Operation* reader = *from->user_begin();
      if (!groups_.Contains(reader) || !IsGenerated(reader)) return false;
      if (!IsView(reader)) return true;
      if (from != op) return false;
      from = reader;
    }
    return false;
  }

  void JoinProducers(mlir::Operation* op) {
    // Large operands first: what is read of them is what fusion saves.
    llvm::SmallVector<mlir::Value> operands(op->getOperands());
    llvm::stable_sort(operands, [](mlir::Value a, mlir::Value b) { return Elements(a) > Elements(b); });
    for (mlir::Value operand : operands) {
      llvm::SmallVector<int> groups = {groups_.Of(op)};
      mlir::Operation* producer = operand.getDefiningOp();
      if (producer == nullptr || !groups_.Contains(producer)) continue;
      // Through a view that nobody else sees.
      if (IsView(producer)) {
        mlir::Operation* source = producer->getOperand(0).getDefiningOp();
        if (!producer->hasOneUse() || !llvm::isa<graph::LowerToLinalgInterface>(producer) || source == nullptr ||
            !groups_.Contains(source) || IsView(source)) {
          continue;
        }
        groups.push_back(groups_.Of(producer));
        producer = source;
      }
      if (!IsGenerated(producer) || llvm::is_contained(groups, groups_.Of(producer))) continue;
      // What load computes stays there, unless it only repeats elements.
      if (load_time_.Contains(producer) != load_time_.Contains(op) && !IsCheap(producer)) continue;
      groups.push_back(groups_.Of(producer));
      TryJoin(groups);
      if (GoesWithReader(producer)) JoinProducers(producer);
    }
  }

  void TryJoin(llvm::ArrayRef<int> groups) {
    llvm::SmallVector<mlir::Operation*> members;
    for (int group : groups) members.append(groups_.Members(group).begin(), groups_.Members(group).end());
    if (members.size() > kMostMembers || !groups_.MayJoin(groups)) return;
    llvm::stable_sort(members, [](mlir::Operation* a, mlir::Operation* b) { return a->isBeforeInBlock(b); });
    const llvm::SmallVector<mlir::Value> results = Groups::Results(members);
    llvm::SmallDenseSet<mlir::Operation*> inside(members.begin(), members.end());
    llvm::SmallDenseSet<mlir::Value> inputs;
    for (mlir::Operation* member : members) {
      for (mlir::Value operand : member->getOperands()) {
        if (!inside.contains(operand.getDefiningOp())) inputs.insert(operand);
      }
    }
    if (inputs.size() + results.size() > kMostOperands || results.empty()) return;
    if (oracle_(members, results)) groups_.Join(groups);
  }

  // Replaces the operations by a graph.fusion.
  void Outline(llvm::ArrayRef<mlir::Operation*> members) {
    llvm::SmallDenseSet<mlir::Operation*> inside(members.begin(), members.end());
    llvm::SetVector<mlir::Value> inputs, constants;
    for (mlir::Operation* op : members) {
      for (mlir::Value operand : op->getOperands()) {
        if (inside.contains(operand.getDefiningOp())) continue;
        (IsSmallConstant(operand) ? constants : inputs).insert(operand);
      }
    }
    // The same view of the same tensor is read once.
    llvm::SmallVector<std::pair<mlir::Value, mlir::Value>> same;
    for (mlir::Value input : inputs.takeVector()) {
      auto view = input.getDefiningOp<graph::ReshapeOp>();
      auto alike = llvm::find_if(inputs, [&](mlir::Value known) {
        auto other = known.getDefiningOp<graph::ReshapeOp>();
        return view && other && other.getOperand() == view.getOperand() && known.getType() == input.getType();
      });
      if (alike == inputs.end())
        inputs.insert(input);
      else
        same.push_back({input, *alike});
    }
    const llvm::SmallVector<mlir::Value> results = Groups::Results(members);
    llvm::SmallVector<mlir::Type> types;
    for (mlir::Value result : results) types.push_back(result.getType());
    llvm::SmallVector<mlir::Location> locations;
    for (mlir::Operation* op : members) locations.push_back(op->getLoc());
    mlir::OpBuilder builder(members.back());
    auto fusion = builder.create<graph::FusionOp>(builder.getFusedLoc(locations), types, inputs.getArrayRef());
    mlir::Block& body = fusion.getBody().emplaceBlock();
    mlir::IRMapping map;
    for (mlir::Value input : inputs) map.map(input, body.addArgument(input.getType(), input.getLoc()));
    for (auto [view, other] : same) map.map(view, map.lookup(other));
    builder.setInsertionPointToStart(&body);
    for (mlir::Value constant : constants) builder.clone(*constant.getDefiningOp(), map);
    for (mlir::Operation* op : members) builder.clone(*op, map);
    llvm::SmallVector<mlir::Value> yields;
    for (mlir::Value result : results) yields.push_back(map.lookup(result));
    builder.create<graph::YieldOp>(fusion.getLoc(), yields);
    for (auto [result, replacement] : llvm::zip_equal(results, fusion.getResults())) {
      mlir::Value(result).replaceUsesWithIf(replacement, [&](mlir::OpOperand& use) { return !inside.contains(use.getOwner()); });
    }
    for (mlir::Operation* op : llvm::reverse(members)) {
      op->dropAllUses();
      op->erase();
    }
  }

  mlir::Block& block_;
  const LoadTime& load_time_;
  const FusionOracle& oracle_;
  Groups groups_;
};

// Gives each user of a cheap operation its own copy, so that it can go into the user's kernel.
void DuplicateCheap(mlir::Block& block) {
  llvm::SmallVector<mlir::Operation*> cheap;
  for (mlir::Operation& op : block.without_terminator()) {
    if (IsCheap(&op) && !op.hasOneUse()) cheap.push_back(&op);
  }
  for (mlir::Operation* op : cheap) {
    for (mlir::OpOperand& use : llvm::make_early_inc_range(op->getUses())) {
      mlir::Operation* user = use.getOwner();
      if (user->getBlock() != &block || !IsGenerated(user) || IsView(user)) continue;
      use.set(mlir::OpBuilder(user).clone(*op)->getResult(0));
    }
    if (op->use_empty()) op->erase();
  }
}

bool ElementwiseOnly(llvm::ArrayRef<mlir::Operation*> ops, llvm::ArrayRef<mlir::Value> results) {
  return llvm::all_of(ops, [&](mlir::Operation* op) {
    return op->hasTrait<graph::ElementwiseOp>() &&
           llvm::cast<mlir::RankedTensorType>(op->getResult(0).getType()).getShape() ==
               llvm::cast<mlir::RankedTensorType>(results[0].getType()).getShape();
  });
}

class FusePass : public mlir::PassWrapper<FusePass, mlir::OperationPass<mlir::func::FuncOp>> {
 public:
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(FusePass)

  explicit FusePass(FusionOracle oracle) : oracle_(std::move(oracle)) {}

  llvm::StringRef getArgument() const override { return "plimsoll-fuse"; }
  llvm::StringRef getDescription() const override { return "Regions of operations that become one kernel"; }

  void runOnOperation() override {
    llvm::SmallVector<mlir::Block*> blocks;
    getOperation()->walk<mlir::WalkOrder::PreOrder>([&](mlir::Block* block) {
      if (!llvm::isa<graph::FusionOp>(block->getParentOp())) blocks.push_back(block);
    });
    for (mlir::Block* block : blocks) DuplicateCheap(*block);
    const LoadTime load_time(getOperation());
    for (mlir::Block* block : blocks) BlockFuser(*block, load_time, oracle_).Run();
  }

 private:
  FusionOracle oracle_;
};

}  // namespace

std::unique_ptr<mlir::Pass> CreateFusePass(FusionOracle oracle) { return std::make_unique<FusePass>(std::move(oracle)); }

void RegisterFusePass() {
  mlir::registerPass([]() -> std::unique_ptr<mlir::Pass> { return CreateFusePass(ElementwiseOnly); });
}

}  // namespace plimsoll::passes
