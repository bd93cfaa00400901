#include "passes/fuse/split_keys_pass.h"

#include "ir/graph/build.h"
#include "ir/graph/infer.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "passes/types.h"

namespace plimsoll::passes {
namespace {

using mlir::Value;

constexpr int64_t kRowsOfBlock = 4;  // that read the same keys and values

// Sizes of an attention, however its tensors lie.
struct Sizes {
  int64_t batch, heads, groups, queries, keys, size, value_size;

  explicit Sizes(graph::AttentionOp op) {
    llvm::ArrayRef<bool> first = op.getSequenceFirst();
    llvm::ArrayRef<int64_t> q = ShapeOf(op.getQ()), k = ShapeOf(op.getK()), v = ShapeOf(op.getV());
    batch = q[0];
    heads = q[first[0] ? 2 : 1];
    queries = q[first[0] ? 1 : 2];
    size = q[3];
    groups = k[first[1] ? 2 : 1];
    keys = k[first[1] ? 1 : 2];
    value_size = v[3];
  }
};

// A block reads the keys and values of the rows that share them, as one that reduces a row reads that.
RowProblem ProblemOf(const Sizes& sizes, mlir::Type element) {
  RowProblem problem;
  const int64_t rows = sizes.heads / sizes.groups * sizes.queries;
  problem.rows = sizes.batch * sizes.groups * ((rows + kRowsOfBlock - 1) / kRowsOfBlock);
  problem.extent = sizes.keys;
  problem.inner = sizes.size + sizes.value_size;
  problem.columns = problem.extent * problem.inner;
  problem.bytes = static_cast<int>(element.getIntOrFloatBitWidth() / 8);
  problem.kernels = 2;
  return problem;
}

// What replaces one operation. Where a step fails, all later ones do nothing and give null.
class Splitter {
 public:
  explicit Splitter(graph::AttentionOp op) : op_(op), builder_(op) {}

  // The attention to the parts alone; null: it cannot be.
  graph::AttentionOp Parts(int64_t keys_of_part) {
    llvm::SmallVector<bool> sequence_first(op_.getSequenceFirst());
    sequence_first[3] = false;
    // A part of which nothing may be seen has no share of the sum: as zeros it is no NaN to multiply.
    auto results = graph::build::ops<graph::AttentionOp>(builder_, op_.getLoc(), op_.getQ(), op_.getK(), op_.getV(),
                                                         op_.getMask(), op_.getScaleAttr(), builder_.getBoolAttr(true),
                                                         builder_.getDenseBoolArrayAttr(sequence_first),
                                                         builder_.getI64IntegerAttr(keys_of_part));
    return mlir::failed(results) ? nullptr : results->front().getDefiningOp<graph::AttentionOp>();
  }

  // The sum of the parts' results, each weighted by its share of the sum of exponentials.
  Value Combine(graph::AttentionOp parts) {
    const Sizes sizes(op_);
    const int64_t rows = sizes.batch * sizes.heads * sizes.queries, count = ShapeOf(parts.getResult())[0] / sizes.batch;
    Value shares = Make<graph::SoftmaxOp>(Reshape(parts.getStats(), {count, rows}), builder_.getI64IntegerAttr(0),
                                          builder_.getBoolAttr(false));
    if (op_.getZeroIfNan() && !failed_) {
      Value zero = graph::build::scalar(builder_, op_.getLoc(), ElementOf(shares), 0);
      shares = Make<graph::SelectOp>(Make<graph::IsNanOp>(shares), zero, shares);
    }
    Value weighted = Make<graph::MulOp>(Reshape(parts.getResult(), {count, rows, sizes.value_size}),
                                        Reshape(shares, {count, rows, 1}));
    Value sum = Make<graph::ReduceOp>(weighted, graph::ReduceKind::sum, llvm::ArrayRef<int64_t>{0}, false);
    if (failed_) return Value();
    if (const mlir::Type element = ElementOf(op_.getResult()); ElementOf(sum) != element)
      sum = Make<graph::CastOp>(graph::tensorType(sum).clone(element), sum);
    sum = Reshape(sum, {sizes.batch, sizes.heads, sizes.queries, sizes.value_size});
    if (!op_.getSequenceFirst()[3]) return sum;
    if (sizes.queries == 1 || sizes.heads == 1) return Reshape(sum, ShapeOf(op_.getResult()));
    return Make<graph::TransposeOp>(sum, llvm::ArrayRef<int64_t>{0, 2, 1, 3});
  }

 private:
  template <typename Op, typename... Args>
  Value Make(Args&&... args) {
    if (failed_) return Value();
    auto result = graph::build::op<Op>(builder_, op_.getLoc(), std::forward<Args>(args)...);
    failed_ = mlir::failed(result);
    return failed_ ? Value() : *result;
  }
  Value Reshape(Value value, llvm::ArrayRef<int64_t> shape) {
    return failed_ ? Value() : Make<graph::ReshapeOp>(graph::tensorType(value).clone(shape), value);
  }

  graph::AttentionOp op_;
  mlir::OpBuilder builder_;
  bool failed_ = false;
};

class SplitKeysPass : public mlir::PassWrapper<SplitKeysPass, mlir::OperationPass<mlir::func::FuncOp>> {
 public:
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(SplitKeysPass)

  SplitKeysPass() = default;
  SplitKeysPass(RowMachine machine, LibraryModel& library) : library_(&library) {
    multiprocessors_ = machine.multiprocessors;
    bytes_per_second_ = machine.bytes_per_second;
  }
  SplitKeysPass(const SplitKeysPass& other) : PassWrapper(other), library_(other.library_) {}

  llvm::StringRef getArgument() const override { return "plimsoll-split-keys"; }
  llvm::StringRef getDescription() const override { return "Attention of few queries to many keys is cut into parts"; }

  void runOnOperation() override {
    llvm::SmallVector<graph::AttentionOp> operations;
    getOperation()->walk([&](graph::AttentionOp op) {
      if (!op.getKeysOfPart()) operations.push_back(op);
    });
    for (graph::AttentionOp op : operations) Split(op);
  }

 private:
  void Split(graph::AttentionOp op) {
    const RowMachine machine{multiprocessors_, bytes_per_second_};
    const RowParts chosen = ChooseRowParts(ProblemOf(Sizes(op), ElementOf(op.getK())), machine);
    if (chosen.count < 2) return;
    mlir::Operation* before = op->getPrevNode();
    Splitter splitter(op);
    graph::AttentionOp parts = splitter.Parts(chosen.size);
    const bool can = parts && (library_ == nullptr || library_->Ask(parts, false).ok());
    Value result = can ? splitter.Combine(parts) : Value();
    if (result && result.getType() == op.getResult().getType()) {
      op.getResult().replaceAllUsesWith(result);
      op->erase();
      return;
    }
    for (mlir::Operation* unused = op->getPrevNode(); unused != before;) {
      mlir::Operation* next = unused->getPrevNode();
      unused->erase();
      unused = next;
    }
  }

  LibraryModel* library_ = nullptr;
  Option<int> multiprocessors_{*this, "multiprocessors", llvm::cl::desc("of the GPU"), llvm::cl::init(108)};
  Option<double> bytes_per_second_{*this, "bytes-per-second", llvm::cl::desc("of its memory"),
                                   llvm::cl::init(1.555e12)};
};

}  // namespace

std::unique_ptr<mlir::Pass> CreateSplitKeysPass(RowMachine machine, LibraryModel& library) {
  return std::make_unique<SplitKeysPass>(machine, library);
}
void RegisterSplitKeysPass() {
  mlir::registerPass([]() -> std::unique_ptr<mlir::Pass> { return std::make_unique<SplitKeysPass>(); });
}

}  // namespace plimsoll::passes
