#include "passes/fuse/split_rows_pass.h"

#include "ir/graph/infer.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "passes/cost/load_time.h"
#include "passes/fuse/partial_rows.h"
#include "passes/types.h"

namespace plimsoll::passes {
namespace {

using graph::ReduceKind;
using mlir::Value;
using Shape = llvm::SmallVector<int64_t>;

Shape Trailing(int64_t axis, Value value) {
  return llvm::to_vector(llvm::seq<int64_t>(axis, graph::tensorType(value).getRank()));
}

// The shape of a value for each row.
Shape KeptShape(Value operand, llvm::ArrayRef<int64_t> axes) {
  Shape kept(ShapeOf(operand));
  for (int64_t axis : axes) kept[axis] = 1;
  return kept;
}

// What replaces one operation; null where it stays.
class Splitter {
 public:
  Splitter(mlir::Operation* op, const RowMachine& machine) : machine_(machine), rows_(op) {}

  Value Reduce(graph::ReduceOp op) {
    const ReduceKind kind = op.getKind();
    const mlir::Type element = ElementOf(op.getOperand());
    const bool is_float = llvm::isa<mlir::FloatType>(element);
    if (!Cuts(op.getOperand(), op.getAxes(), {})) return Value();
    // A narrow integer need not hold the number of elements.
    if (kind == ReduceKind::mean && !is_float && element.getIntOrFloatBitWidth() < 32) return Value();
    ReduceKind of_part = kind, of_parts = kind;
    if (kind == ReduceKind::mean) of_part = ReduceKind::sum;
    if (kind == ReduceKind::l2) of_part = ReduceKind::sum_square;
    if (kind != ReduceKind::prod && kind != ReduceKind::max && kind != ReduceKind::min) of_parts = ReduceKind::sum;
    // An integer's l2 is the root of a sum in f64.
    const mlir::Type wide = kind == ReduceKind::l2 && !is_float ? rows_.builder().getF64Type() : rows_.Wide(element);
    Value parts =
        rows_.OfParts([&](bool last) { return rows_.Reduce(of_part, rows_.Elements(last, wide), rows_.PartAxes()); });
    Value result = rows_.Combine(of_parts, parts);
    if (kind == ReduceKind::mean)
      result = Make<graph::DivOp>(result, rows_.Scalar(result, static_cast<double>(rows_.columns())));
    if (kind == ReduceKind::l2) result = Make<graph::SqrtOp>(result);
    return rows_.Reshape(rows_.Cast(result, element), ShapeOf(op.getResult()));
  }

  // The best element of each part and its index there; the part that has the best of these; the index there. Elements
  // that are no number lose against all others, in the parts and among them.
  Value ArgReduce(graph::ArgReduceOp op) {
    const auto axis = static_cast<int64_t>(op.getAxis());
    if (!Cuts(op.getOperand(), {axis}, {.kernels = 2})) return Value();
    const int64_t among = rows_.PartsAxis(), inside = among + 1;
    auto best = [&](Value of, int64_t along) {
      return Make<graph::ArgReduceOp>(of, op.getLargestAttr(), Integer(along), rows_.builder().getBoolAttr(true),
                                      op.getLastAttr());
    };
    llvm::SmallVector<Value, 2> places;
    Value elements = rows_.OfParts([&](bool last) {
      places.push_back(best(rows_.Elements(last), inside));
      return Make<graph::GatherElementsOp>(rows_.Elements(last), places.back(), Integer(inside));
    });
    // One place for each part: the dim of a part's elements goes.
    Value places_of_parts = rows_.OfParts([&](bool last) { return places[last ? 1 : 0]; });
    Value part = best(elements, among);
    Value place = Make<graph::GatherElementsOp>(places_of_parts, part, Integer(among));
    Value before = Make<graph::MulOp>(part, rows_.Scalar(part, static_cast<double>(rows_.parts().size)));
    return rows_.Reshape(Make<graph::AddOp>(before, place), ShapeOf(op.getResult()));
  }

  // A part's sum is of exp(x - the part's largest). Parts of nothing but -inf have the sum 0; a row of nothing else is
  // NaN, as it would be in one piece.
  Value Softmax(graph::SoftmaxOp op) {
    const Shape axes{static_cast<int64_t>(op.getAxis())};
    const mlir::Type element = ElementOf(op.getOperand()), wide = rows_.Wide(element);
    if (!Cuts(op.getOperand(), axes, {.passes = 2, .stores_elements = true})) return Value();
    llvm::SmallVector<Value, 2> largest;
    Value sums = rows_.OfParts([&](bool last) {
      largest.push_back(rows_.Reduce(ReduceKind::max, rows_.Elements(last, wide), rows_.PartAxes()));
      Value nothing =
          Make<graph::IsInfOp>(largest.back(), rows_.builder().getBoolAttr(false), rows_.builder().getBoolAttr(true));
      Value shift = Make<graph::SelectOp>(nothing, rows_.Scalar(largest.back(), 0), largest.back());
      Value shifted = Make<graph::SubOp>(rows_.Elements(last, wide), shift);
      return rows_.Reduce(ReduceKind::sum, Make<graph::ExpOp>(shifted), rows_.PartAxes());
    });
    Value largest_of_parts = rows_.OfParts([&](bool last) { return largest[last ? 1 : 0]; });
    Value most = rows_.Combine(ReduceKind::max, largest_of_parts);
    Value weights = Make<graph::ExpOp>(Make<graph::SubOp>(largest_of_parts, most));
    Value sum = rows_.Combine(ReduceKind::sum, Make<graph::MulOp>(sums, weights));
    const Shape kept = KeptShape(op.getOperand(), axes);
    Value scale = op.getLog() ? Make<graph::LogOp>(sum) : Make<graph::ReciprocalOp>(sum);
    most = rows_.Reshape(most, kept);
    scale = rows_.Reshape(scale, kept);
    Value y = Make<graph::SubOp>(rows_.Cast(op.getOperand(), wide), most);
    y = op.getLog() ? Make<graph::SubOp>(y, scale) : Make<graph::MulOp>(Make<graph::ExpOp>(y), scale);
    return rows_.Cast(y, element);
  }

  Value LayerNorm(graph::LayerNormOp op) {
    const Shape axes = Trailing(op.getAxis(), op.getOperand());
    if (!Cuts(op.getOperand(), axes, {.passes = 2, .stores_elements = true})) return Value();
    const Statistics of = Centered(op.getOperand(), op.getEpsilon().convertToDouble());
    return Normalize(op.getOperand(), of, KeptShape(op.getOperand(), axes), op.getScale(), op.getBias());
  }

  Value RmsNorm(graph::RmsNormOp op) {
    const Shape axes = Trailing(op.getAxis(), op.getOperand());
    if (!Cuts(op.getOperand(), axes, {.stores_elements = true})) return Value();
    const mlir::Type wide = rows_.Wide(ElementOf(op.getOperand()));
    Value parts = rows_.OfParts(
        [&](bool last) { return rows_.Reduce(ReduceKind::sum_square, rows_.Elements(last, wide), rows_.PartAxes()); });
    const Statistics of{Value(), Rstd(rows_.Combine(ReduceKind::sum, parts), op.getEpsilon().convertToDouble())};
    return Normalize(op.getOperand(), of, KeptShape(op.getOperand(), axes), op.getScale(), Value());
  }

  // Statistics of groups, repeated for the channels of each.
  Value GroupNorm(graph::GroupNormOp op) {
    const Shape shape(ShapeOf(op.getOperand()));
    const int64_t batch = shape[0], channels = shape[1], groups = op.getGroups();
    int64_t spatial = 1;
    for (int64_t extent : llvm::ArrayRef(shape).drop_front(2)) spatial *= extent;
    if (!rows_.Cuts(op.getOperand(), {batch, groups, channels / groups, spatial}, {2, 3},
                    {.passes = 2, .stores_elements = true}, machine_)) {
      return Value();
    }
    Statistics of = Centered(op.getOperand(), op.getEpsilon().convertToDouble());
    for (Value* value : {&of.mean, &of.rstd})
      *value = rows_.Expand(rows_.Reshape(*value, {batch, groups, 1}), {batch, groups, channels / groups});
    Shape kept(shape.size(), 1), of_channels(shape.size(), 1);
    kept[0] = batch;
    kept[1] = of_channels[1] = channels;
    return Normalize(op.getOperand(), of, kept, rows_.Reshape(op.getScale(), of_channels),
                     rows_.Reshape(op.getBias(), of_channels));
  }

 private:
  bool Cuts(Value operand, llvm::ArrayRef<int64_t> axes, const RowProblem& problem) {
    return rows_.Cuts(operand, ShapeOf(operand), axes, problem, machine_);
  }
  template <typename Op, typename... Args>
  Value Make(Args&&... args) {
    return rows_.Make<Op>(std::forward<Args>(args)...);
  }
  mlir::IntegerAttr Integer(int64_t value) { return rows_.builder().getI64IntegerAttr(value); }

  // Of rows, in the type to compute in; no mean where it is not subtracted.
  struct Statistics {
    Value mean, rstd;
  };
  // The squared deviations of all are those of the parts from their own means, and those of the parts' means.
  Statistics Centered(Value operand, double epsilon) {
    const mlir::Type wide = rows_.Wide(ElementOf(operand));
    llvm::SmallVector<Value, 2> mean_of;
    Value inside = rows_.OfParts([&](bool last) {
      mean_of.push_back(rows_.Reduce(ReduceKind::mean, rows_.Elements(last, wide), rows_.PartAxes()));
      Value deviations = Make<graph::SubOp>(rows_.Elements(last, wide), mean_of.back());
      return rows_.Reduce(ReduceKind::sum_square, deviations, rows_.PartAxes());
    });
    Value means = rows_.OfParts([&](bool last) { return mean_of[last ? 1 : 0]; });
    if (rows_.failed()) return {};
    Value counts = rows_.Counts(wide), weighted = means;
    if (rows_.parts().tail != 0)
      weighted = Make<graph::MulOp>(
          means, Make<graph::MulOp>(counts, rows_.Scalar(means, 1 / static_cast<double>(rows_.columns()))));
    Value mean = rows_.Combine(rows_.parts().tail == 0 ? ReduceKind::mean : ReduceKind::sum, weighted);
    Value apart = Make<graph::SubOp>(means, mean);
    Value between = Make<graph::MulOp>(Make<graph::MulOp>(apart, apart), counts);
    return {mean, Rstd(rows_.Combine(ReduceKind::sum, Make<graph::AddOp>(inside, between)), epsilon)};
  }
  Value Rstd(Value squares, double epsilon) {
    Value variance = Make<graph::MulOp>(squares, rows_.Scalar(squares, 1 / static_cast<double>(rows_.columns())));
    return Make<graph::RsqrtOp>(Make<graph::AddOp>(variance, rows_.Scalar(variance, epsilon)));
  }
  // (x - mean) * rstd * scale + bias; what is null is left out. `kept`: the statistics' shape that broadcasts to x.
  Value Normalize(Value x, const Statistics& of, llvm::ArrayRef<int64_t> kept, Value scale, Value bias) {
    const mlir::Type element = ElementOf(x), wide = rows_.Wide(element);
    Value y = rows_.Cast(x, wide);
    if (of.mean) y = Make<graph::SubOp>(y, rows_.Reshape(of.mean, kept));
    y = Make<graph::MulOp>(y, rows_.Reshape(of.rstd, kept));
    y = Make<graph::MulOp>(y, rows_.Cast(scale, wide));
    if (bias) y = Make<graph::AddOp>(y, rows_.Cast(bias, wide));
    return rows_.Cast(y, element);
  }

  const RowMachine& machine_;
  PartialRows rows_;
};

Value SplitOne(mlir::Operation* op, const RowMachine& machine) {
  Splitter splitter(op, machine);
  if (auto reduce = llvm::dyn_cast<graph::ReduceOp>(op)) return splitter.Reduce(reduce);
  if (auto reduce = llvm::dyn_cast<graph::ArgReduceOp>(op)) return splitter.ArgReduce(reduce);
  if (auto softmax = llvm::dyn_cast<graph::SoftmaxOp>(op)) return splitter.Softmax(softmax);
  if (auto norm = llvm::dyn_cast<graph::LayerNormOp>(op)) return splitter.LayerNorm(norm);
  if (auto norm = llvm::dyn_cast<graph::RmsNormOp>(op)) return splitter.RmsNorm(norm);
  if (auto norm = llvm::dyn_cast<graph::GroupNormOp>(op)) return splitter.GroupNorm(norm);
  return Value();
}

void Split(mlir::Operation* op, const RowMachine& machine) {
  mlir::Operation* before = op->getPrevNode();
  Value result = SplitOne(op, machine);
  mlir::Operation* unused = op->getPrevNode();
  if (result && result.getType() == op->getResult(0).getType()) {
    op->getResult(0).replaceAllUsesWith(result);
    mlir::Operation* producer = op->getOperand(0).getDefiningOp();
    op->erase();
    // What was looked through.
    while (producer != nullptr && producer->use_empty() && llvm::isa<graph::ReshapeOp, graph::TransposeOp>(producer)) {
      mlir::Operation* next = producer->getOperand(0).getDefiningOp();
      producer->erase();
      producer = next;
    }
    return;
  }
  while (unused != before) {
    mlir::Operation* next = unused->getPrevNode();
    unused->erase();
    unused = next;
  }
}

class SplitRowsPass : public mlir::PassWrapper<SplitRowsPass, mlir::OperationPass<mlir::func::FuncOp>> {
 public:
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(SplitRowsPass)

  SplitRowsPass() = default;
  explicit SplitRowsPass(RowMachine machine) {
    multiprocessors_ = machine.multiprocessors;
    bytes_per_second_ = machine.bytes_per_second;
  }
  SplitRowsPass(const SplitRowsPass& other) : PassWrapper(other) {}

  llvm::StringRef getArgument() const override { return "plimsoll-split-rows"; }
  llvm::StringRef getDescription() const override { return "Reductions over few long rows become two"; }

  void runOnOperation() override {
    const RowMachine machine{multiprocessors_, bytes_per_second_};
    const LoadTime load_time(getOperation());
    llvm::SmallVector<mlir::Operation*> operations;
    getOperation()->walk([&](mlir::Operation* op) {
      if (!llvm::isa<graph::ReduceOp, graph::ArgReduceOp, graph::SoftmaxOp, graph::LayerNormOp, graph::RmsNormOp,
                     graph::GroupNormOp>(op)) {
        return;
      }
      const mlir::RankedTensorType type = graph::tensorType(op->getOperand(0));
      // What load computes is computed once.
      if (type.hasStaticShape() && type.getNumElements() > 0 && type.getElementType().isIntOrFloat() &&
          !load_time.Contains(op))
        operations.push_back(op);
    });
    for (mlir::Operation* op : operations) Split(op, machine);
  }

 private:
  Option<int> multiprocessors_{*this, "multiprocessors", llvm::cl::desc("of the GPU"), llvm::cl::init(108)};
  Option<double> bytes_per_second_{*this, "bytes-per-second", llvm::cl::desc("of its memory"),
                                   llvm::cl::init(1.555e12)};
};

}  // namespace

std::unique_ptr<mlir::Pass> CreateSplitRowsPass(RowMachine machine) { return std::make_unique<SplitRowsPass>(machine); }
void RegisterSplitRowsPass() {
  mlir::registerPass([]() -> std::unique_ptr<mlir::Pass> { return std::make_unique<SplitRowsPass>(); });
}

}  // namespace plimsoll::passes
