#include "passes/layout/layout_pass.h"

#include "ir/graph/build.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "passes/rewrite.h"

namespace plimsoll::passes {
namespace {

using mlir::failure;
using mlir::LogicalResult;
using mlir::PatternRewriter;
using mlir::success;
using mlir::Value;
using Permutation = llvm::SmallVector<int64_t>;

mlir::RankedTensorType TypeOf(Value value) { return llvm::cast<mlir::RankedTensorType>(value.getType()); }

// [N, C, spatial...] to [N, spatial..., C].
Permutation ToLast(int64_t rank) {
  Permutation permutation = {0};
  for (int64_t i = 2; i < rank; ++i) permutation.push_back(i);
  permutation.push_back(1);
  return permutation;
}
// [N, spatial..., C] to [N, C, spatial...].
Permutation ToFirst(int64_t rank) {
  Permutation permutation = {0, rank - 1};
  for (int64_t i = 1; i < rank - 1; ++i) permutation.push_back(i);
  return permutation;
}

template <typename T>
llvm::SmallVector<T> Permuted(llvm::ArrayRef<T> values, llvm::ArrayRef<int64_t> permutation) {
  llvm::SmallVector<T> result;
  for (int64_t dim : permutation) result.push_back(values[dim]);
  return result;
}

mlir::RankedTensorType PermutedType(mlir::RankedTensorType type, llvm::ArrayRef<int64_t> permutation) {
  return mlir::RankedTensorType::get(Permuted<int64_t>(type.getShape(), permutation), type.getElementType());
}

Value Transpose(mlir::RewriterBase& rewriter, mlir::Location location, Value value, llvm::ArrayRef<int64_t> permutation) {
  return rewriter.create<graph::TransposeOp>(location, PermutedType(TypeOf(value), permutation), value,
                                             rewriter.getDenseI64ArrayAttr(permutation));
}

// What `value` is in channels-last form, if it is a transpose of that.
Value ChannelsLast(Value value) {
  auto transpose = value.getDefiningOp<graph::TransposeOp>();
  if (!transpose || TypeOf(value).getRank() < 3 || !TypeOf(value).hasStaticShape()) return nullptr;
  return transpose.getPermutation() == llvm::ArrayRef(ToFirst(TypeOf(value).getRank())) ? transpose.getOperand() : Value();
}

bool IsScalar(mlir::RankedTensorType type) { return type.hasStaticShape() && type.getNumElements() == 1 && type.getRank() <= 1; }

// Whether `value`, broadcast to a result of `rank`, has a channels-last form at no cost.
bool MovesFreely(Value value, int64_t rank) {
  if (Value last = ChannelsLast(value); last && TypeOf(last).getRank() == rank) return true;
  mlir::RankedTensorType type = TypeOf(value);
  if (!type.hasStaticShape() || type.getRank() > rank) return false;
  if (IsScalar(type)) return true;
  // Of the dims behind the batch, one with more than one element may go anywhere.
  int64_t sized = 0;
  for (int64_t i = 0; i < type.getRank(); ++i) sized += i + rank - type.getRank() > 0 && type.getDimSize(i) != 1;
  return sized <= 1;
}

// That form.
Value Moved(PatternRewriter& rewriter, Value value, int64_t rank) {
  if (Value last = ChannelsLast(value); last && TypeOf(last).getRank() == rank) return last;
  mlir::RankedTensorType type = TypeOf(value);
  if (IsScalar(type)) return value;
  llvm::SmallVector<int64_t> shape(type.getShape());
  while (static_cast<int64_t>(shape.size()) < rank) shape.insert(shape.begin(), 1);
  auto moved = mlir::RankedTensorType::get(Permuted<int64_t>(shape, ToLast(rank)), type.getElementType());
  return rewriter.create<graph::ReshapeOp>(value.getLoc(), moved, value);
}

struct SinkThroughElementwise : mlir::OpTraitRewritePattern<graph::ElementwiseOp> {
  using OpTraitRewritePattern::OpTraitRewritePattern;
  LogicalResult matchAndRewrite(mlir::Operation* op, PatternRewriter& rewriter) const override {
    if (op->getNumResults() != 1) return failure();
    mlir::RankedTensorType type = TypeOf(op->getResult(0));
    const int64_t rank = type.getRank();
    if (rank < 3 || llvm::none_of(op->getOperands(), [&](Value operand) {
          Value last = ChannelsLast(operand);
          return last && TypeOf(operand).getShape() == type.getShape();
        })) {
      return failure();
    }
    if (!llvm::all_of(op->getOperands(), [&](Value operand) { return MovesFreely(operand, rank); })) return failure();
    llvm::SmallVector<Value> operands;
    for (Value operand : op->getOperands()) operands.push_back(Moved(rewriter, operand, rank));
    mlir::Operation* moved = rewriter.clone(*op);
    moved->setOperands(operands);
    moved->getResult(0).setType(PermutedType(type, ToLast(rank)));
    rewriter.replaceOp(op, Transpose(rewriter, op->getLoc(), moved->getResult(0), ToFirst(rank)));
    return success();
  }
};

struct SinkThroughPool : mlir::OpRewritePattern<graph::PoolOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(graph::PoolOp op, PatternRewriter& rewriter) const override {
    Value last = ChannelsLast(op.getOperand());
    if (op.getChannelsLast() || !last) return failure();
    const int64_t rank = TypeOf(op.getResult()).getRank();
    auto moved = llvm::cast<graph::PoolOp>(rewriter.clone(*op));
    moved->setOperand(0, last);
    moved.setChannelsLast(true);
    moved.getResult().setType(PermutedType(TypeOf(op.getResult()), ToLast(rank)));
    rewriter.replaceOp(op, Transpose(rewriter, op.getLoc(), moved.getResult(), ToFirst(rank)));
    return success();
  }
};

struct SinkThroughConcat : mlir::OpRewritePattern<graph::ConcatOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(graph::ConcatOp op, PatternRewriter& rewriter) const override {
    llvm::SmallVector<Value> operands;
    for (Value operand : op->getOperands()) {
      operands.push_back(ChannelsLast(operand));
      if (!operands.back()) return failure();
    }
    const int64_t rank = TypeOf(op.getResult()).getRank();
    const int64_t axis = op.getAxis() == 0 ? 0 : op.getAxis() == 1 ? rank - 1 : op.getAxis() - 1;
    auto moved = rewriter.create<graph::ConcatOp>(op.getLoc(), PermutedType(TypeOf(op.getResult()), ToLast(rank)), operands,
                                                  rewriter.getI64IntegerAttr(axis));
    rewriter.replaceOp(op, Transpose(rewriter, op.getLoc(), moved.getResult(), ToFirst(rank)));
    return success();
  }
};

// Operations with one entry a dim in some attributes.
template <typename Op>
struct SinkThroughDims : mlir::OpRewritePattern<Op> {
  SinkThroughDims(mlir::MLIRContext* context, std::vector<llvm::StringRef> attributes)
      : mlir::OpRewritePattern<Op>(context), attributes(std::move(attributes)) {}
  LogicalResult matchAndRewrite(Op op, PatternRewriter& rewriter) const override {
    Value last = ChannelsLast(op->getOperand(0));
    mlir::RankedTensorType type = TypeOf(op->getResult(0));
    if (!last || !type.hasStaticShape()) return failure();
    const Permutation permutation = ToLast(type.getRank());
    mlir::Operation* moved = rewriter.clone(*op.getOperation());
    moved->setOperand(0, last);
    for (llvm::StringRef name : attributes) {
      mlir::Attribute attribute = moved->getAttr(name);
      if (auto ints = llvm::dyn_cast_or_null<mlir::DenseI64ArrayAttr>(attribute)) {
        moved->setAttr(name, rewriter.getDenseI64ArrayAttr(Permuted<int64_t>(ints.asArrayRef(), permutation)));
      } else if (auto floats = llvm::dyn_cast_or_null<mlir::DenseF64ArrayAttr>(attribute)) {
        moved->setAttr(name, rewriter.getDenseF64ArrayAttr(Permuted<double>(floats.asArrayRef(), permutation)));
      }
    }
    moved->getResult(0).setType(PermutedType(type, permutation));
    rewriter.replaceOp(op, Transpose(rewriter, op->getLoc(), moved->getResult(0), ToFirst(type.getRank())));
    return success();
  }
  std::vector<llvm::StringRef> attributes;
};

struct SinkThroughReduce : mlir::OpRewritePattern<graph::ReduceOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(graph::ReduceOp op, PatternRewriter& rewriter) const override {
    Value last = ChannelsLast(op.getOperand());
    if (!last) return failure();
    const int64_t rank = TypeOf(last).getRank();
    const Permutation to_first = ToFirst(rank);
    llvm::SmallVector<int64_t> axes;
    for (int64_t axis : op.getAxes()) axes.push_back(to_first[axis]);
    llvm::sort(axes);
    llvm::SmallVector<int64_t> shape;
    for (int64_t i = 0; i < rank; ++i) {
      if (!llvm::is_contained(axes, i)) shape.push_back(TypeOf(last).getDimSize(i));
      else if (op.getKeepDims()) shape.push_back(1);
    }
    // Without the reduced dims the others may stand in another order: only where that is the same.
    if (!op.getKeepDims() && !(axes.size() == static_cast<size_t>(rank) - 2 && !llvm::is_contained(axes, 0) &&
                               !llvm::is_contained(axes, rank - 1))) {
      return failure();
    }
    auto type = mlir::RankedTensorType::get(shape, TypeOf(op.getResult()).getElementType());
    auto moved = rewriter.create<graph::ReduceOp>(op.getLoc(), type, last, op.getKindAttr(),
                                                  rewriter.getDenseI64ArrayAttr(axes), op.getKeepDimsAttr());
    Value result = moved.getResult();
    if (op.getKeepDims()) result = Transpose(rewriter, op.getLoc(), result, to_first);
    rewriter.replaceOp(op, result);
    return success();
  }
};

// Transposes that meet.
struct Cancel : mlir::OpRewritePattern<graph::TransposeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(graph::TransposeOp op, PatternRewriter& rewriter) const override {
    auto inner = op.getOperand().getDefiningOp<graph::TransposeOp>();
    if (!inner) return failure();
    const Permutation both = Permuted<int64_t>(inner.getPermutation(), op.getPermutation());
    if (llvm::equal(both, llvm::seq<int64_t>(0, both.size()))) {
      rewriter.replaceOp(op, inner.getOperand());
    } else {
      rewriter.replaceOpWithNewOp<graph::TransposeOp>(op, op.getType(), inner.getOperand(),
                                                      rewriter.getDenseI64ArrayAttr(both));
    }
    return success();
  }
};

void Convert(graph::ConvolutionOp op, mlir::RewriterBase& rewriter) {
  const int64_t rank = TypeOf(op.getResult()).getRank();
  rewriter.setInsertionPoint(op);
  Value last = Transpose(rewriter, op.getLoc(), op.getOperand(), ToLast(rank));
  auto moved = llvm::cast<graph::ConvolutionOp>(rewriter.clone(*op));
  moved->setOperand(0, last);
  moved.setChannelsLast(true);
  moved.getResult().setType(PermutedType(TypeOf(op.getResult()), ToLast(rank)));
  rewriter.replaceOp(op, Transpose(rewriter, op.getLoc(), moved.getResult(), ToFirst(rank)));
}

bool WantsChannelsLast(graph::ConvolutionOp op) {
  const mlir::Type element = TypeOf(op.getResult()).getElementType();
  const int64_t rank = TypeOf(op.getResult()).getRank();
  return !op.getChannelsLast() && (element.isF32() || element.isBF16() || element.isF16()) && rank >= 3 && rank <= 5 &&
         op.getPostOperands().empty() && TypeOf(op.getOperand()).hasStaticShape();
}

class LayoutPass : public mlir::PassWrapper<LayoutPass, mlir::OperationPass<mlir::func::FuncOp>> {
 public:
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(LayoutPass)

  llvm::StringRef getArgument() const override { return "plimsoll-layout"; }
  llvm::StringRef getDescription() const override { return "Channels-last chains for convolutions"; }

  void runOnOperation() override {
    mlir::MLIRContext* context = &getContext();
    llvm::SmallVector<graph::ConvolutionOp> convolutions;
    getOperation()->walk([&](graph::ConvolutionOp op) {
      if (WantsChannelsLast(op)) convolutions.push_back(op);
    });
    if (convolutions.empty()) return;
    mlir::IRRewriter rewriter(context);
    for (graph::ConvolutionOp op : convolutions) Convert(op, rewriter);
    mlir::RewritePatternSet patterns(context);
    patterns.add<SinkThroughElementwise>(context);
    patterns.add<SinkThroughPool, SinkThroughConcat, SinkThroughReduce, Cancel>(context);
    patterns.add<SinkThroughDims<graph::PadOp>>(context, std::vector<llvm::StringRef>{"low", "high"});
    patterns.add<SinkThroughDims<graph::SliceOp>>(context, std::vector<llvm::StringRef>{"starts", "sizes", "strides"});
    patterns.add<SinkThroughDims<graph::ResizeOp>>(context, std::vector<llvm::StringRef>{"scales"});
    RewriteGreedily(getOperation(), std::move(patterns));
  }
};

}  // namespace

std::unique_ptr<mlir::Pass> CreateLayoutPass() { return std::make_unique<LayoutPass>(); }
void RegisterLayoutPass() {
  mlir::registerPass([]() -> std::unique_ptr<mlir::Pass> { return CreateLayoutPass(); });
}

}  // namespace plimsoll::passes
