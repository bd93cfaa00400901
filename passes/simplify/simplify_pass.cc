#include "passes/simplify/simplify_pass.h"

#include "ir/graph/build.h"
#include "ir/graph/infer.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "passes/rewrite.h"
#include "passes/simplify/activations.h"
#include "passes/simplify/constants.h"

namespace plimsoll::passes {
namespace {

using mlir::failure;
using mlir::LogicalResult;
using mlir::PatternRewriter;
using mlir::success;

template <typename Op>
struct Neutral : mlir::OpRewritePattern<Op> {
  Neutral(mlir::MLIRContext* context, double neutral, bool commutes)
      : mlir::OpRewritePattern<Op>(context), neutral(neutral), commutes(commutes) {}
  LogicalResult matchAndRewrite(Op op, PatternRewriter& rewriter) const override {
    for (int side : {0, 1}) {
      if (side == 1 && !commutes) break;
      mlir::Value kept = op->getOperand(side), other = op->getOperand(1 - side);
      if (kept.getType() != op->getResult(0).getType() || SplatOf(other) != neutral) continue;
      rewriter.replaceOp(op, kept);
      return success();
    }
    return failure();
  }
  double neutral;
  bool commutes;
};

struct TransposeChain : mlir::OpRewritePattern<graph::TransposeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(graph::TransposeOp op, PatternRewriter& rewriter) const override {
    llvm::SmallVector<int64_t> permutation(op.getPermutation());
    mlir::Value operand = op.getOperand();
    auto inner = operand.getDefiningOp<graph::TransposeOp>();
    if (inner) {
      for (int64_t& dim : permutation) dim = inner.getPermutation()[dim];
      operand = inner.getOperand();
    }
    if (!graph::tensorType(operand).hasStaticShape()) return failure();
    // Dims of size 1 may go anywhere: does the order of the others stay?
    int64_t last = -1;
    bool moves = false;
    for (int64_t dim : permutation) {
      if (graph::tensorType(operand).getDimSize(dim) == 1) continue;
      moves |= dim < last;
      last = dim;
    }
    if (!moves) {
      if (operand.getType() == op.getType()) {
        rewriter.replaceOp(op, operand);
      } else {
        rewriter.replaceOpWithNewOp<graph::ReshapeOp>(op, op.getType(), operand);
      }
      return success();
    }
    if (!inner) return failure();
    rewriter.replaceOpWithNewOp<graph::TransposeOp>(op, op.getType(), operand, rewriter.getDenseI64ArrayAttr(permutation));
    return success();
  }
};

struct ReshapeChain : mlir::OpRewritePattern<graph::ReshapeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(graph::ReshapeOp op, PatternRewriter& rewriter) const override {
    mlir::Value operand = op.getOperand();
    if (!op.getType().hasStaticShape()) return failure();
    auto inner = operand.getDefiningOp<graph::ReshapeOp>();
    if (inner) operand = inner.getOperand();
    if (!graph::tensorType(operand).hasStaticShape()) return failure();
    if (operand.getType() == op.getType()) {
      rewriter.replaceOp(op, operand);
      return success();
    }
    if (!inner) return failure();
    rewriter.replaceOpWithNewOp<graph::ReshapeOp>(op, op.getType(), operand);
    return success();
  }
};

// The operand of a transpose that exchanges the last two dims alone.
mlir::Value Exchanged(mlir::Value value) {
  auto op = value.getDefiningOp<graph::TransposeOp>();
  if (!op) return nullptr;
  const int64_t rank = op.getPermutation().size();
  if (rank < 2) return nullptr;
  for (int64_t i = 0; i < rank - 2; ++i) {
    if (op.getPermutation()[i] != i) return nullptr;
  }
  return op.getPermutation()[rank - 1] == rank - 2 ? op.getOperand() : mlir::Value();
}

struct DotOperands : mlir::OpRewritePattern<graph::DotGeneralOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(graph::DotGeneralOp op, PatternRewriter& rewriter) const override {
    // Of a vector the last dim alone is contracted; zero points have sides.
    if (op.getLhsZeroPoint() || op.getRhsZeroPoint()) return failure();
    if (mlir::Value source = Exchanged(op.getLhs())) {
      rewriter.modifyOpInPlace(op, [&] {
        op.getLhsMutable().assign(source);
        op.setTransposeLhs(!op.getTransposeLhs());
      });
      return success();
    }
    if (mlir::Value source = Exchanged(op.getRhs())) {
      rewriter.modifyOpInPlace(op, [&] {
        op.getRhsMutable().assign(source);
        op.setTransposeRhs(!op.getTransposeRhs());
      });
      return success();
    }
    if (!llvm::isa<mlir::FloatType>(op.getType().getElementType())) return failure();
    for (unsigned side : {0, 1}) {
      mlir::Value operand = op->getOperand(side);
      mlir::Operation* product = operand.getDefiningOp();
      if (!product || !operand.hasOneUse() || !llvm::isa<graph::MulOp, graph::DivOp>(product)) continue;
      const bool divides = llvm::isa<graph::DivOp>(product);
      for (unsigned scalar : {1, 0}) {
        if (divides && scalar == 0) break;
        std::optional<double> factor = SplatOf(product->getOperand(scalar));
        mlir::Value scaled = product->getOperand(1 - scalar);
        if (!factor || *factor == 0 || !std::isfinite(*factor) || scaled.getType() != operand.getType()) continue;
        const double scale = op.getScale().convertToDouble() * (divides ? 1 / *factor : *factor);
        if (!std::isfinite(scale)) continue;
        rewriter.modifyOpInPlace(op, [&] {
          op->setOperand(side, scaled);
          op.setScaleAttr(rewriter.getF64FloatAttr(scale));
        });
        return success();
      }
    }
    return failure();
  }
};

// A product by a constant behind a contraction is the contraction's scale.
template <typename Op>
struct ScaledDot : mlir::OpRewritePattern<Op> {
  using mlir::OpRewritePattern<Op>::OpRewritePattern;
  LogicalResult matchAndRewrite(Op op, PatternRewriter& rewriter) const override {
    constexpr bool kDivides = std::is_same_v<Op, graph::DivOp>;
    for (unsigned side = 0; side < (kDivides ? 1 : 2); ++side) {
      auto dot = op->getOperand(side).template getDefiningOp<graph::DotGeneralOp>();
      if (!dot || !dot->hasOneUse() || dot->getBlock() != op->getBlock() || dot.getType() != op.getType() || dot.getBias() ||
          dot.getPostOps() || !llvm::isa<mlir::FloatType>(dot.getType().getElementType())) {
        continue;
      }
      std::optional<double> factor = SplatOf(op->getOperand(1 - side));
      if (!factor || (kDivides && *factor == 0)) continue;
      const double scale = dot.getScale().convertToDouble() * (kDivides ? 1 / *factor : *factor);
      if (scale == 0 || !std::isfinite(scale)) continue;
      rewriter.modifyOpInPlace(dot, [&] {
        dot.setScaleAttr(rewriter.getF64FloatAttr(scale));
        dot->setLoc(rewriter.getFusedLoc({dot.getLoc(), op.getLoc()}));
      });
      rewriter.replaceOp(op, dot.getResult());
      return success();
    }
    return failure();
  }
};

// The rows of a product are reshaped before it, where its operand is reshaped already (an exporter's way around products
// of two dims only): what follows the product sees its result at once.
struct ReshapedRows : mlir::OpRewritePattern<graph::ReshapeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(graph::ReshapeOp op, PatternRewriter& rewriter) const override {
    auto dot = op.getOperand().getDefiningOp<graph::DotGeneralOp>();
    if (!dot || !dot->hasOneUse() || dot.getTransposeLhs() || dot.getLhsZeroPoint() || dot.getRhsZeroPoint() || dot.getPostOps() ||
        !dot.getLhs().getDefiningOp<graph::ReshapeOp>() || !op.getType().hasStaticShape() || op.getType().getRank() < 2) {
      return failure();
    }
    mlir::RankedTensorType lhs = graph::tensorType(dot.getLhs()), product = graph::tensorType(dot.getResult());
    const int64_t columns = op.getType().getShape().back();
    if (lhs.getRank() != 2 || graph::tensorType(dot.getRhs()).getRank() != 2 || product.getDimSize(1) != columns) return failure();
    const int64_t bias = dot.getBias() ? graph::tensorType(dot.getBias()).getNumElements() : 1;
    if (bias != 1 && (bias != columns || graph::tensorType(dot.getBias()).getShape().back() != columns)) return failure();
    llvm::SmallVector<int64_t> shape(op.getType().getShape());
    shape.back() = lhs.getDimSize(1);
    mlir::Value rows = rewriter.create<graph::ReshapeOp>(op.getLoc(), mlir::RankedTensorType::get(shape, lhs.getElementType()), dot.getLhs());
    rewriter.modifyOpInPlace(dot, [&] {
      dot.getLhsMutable().assign(rows);
      dot.getResult().setType(op.getType());
    });
    rewriter.moveOpBefore(rows.getDefiningOp(), dot);
    rewriter.replaceOp(op, dot);
    return success();
  }
};

// An elementwise operation broadcasts by itself, where another operand has the result's shape.
struct ExpandedOperand : mlir::OpTraitRewritePattern<graph::ElementwiseOp> {
  using OpTraitRewritePattern::OpTraitRewritePattern;
  LogicalResult matchAndRewrite(mlir::Operation* op, PatternRewriter& rewriter) const override {
    if (op->getNumOperands() < 2 || op->getNumResults() != 1) return failure();
    llvm::ArrayRef<int64_t> shape = graph::tensorType(op->getResult(0)).getShape();
    for (mlir::OpOperand& operand : op->getOpOperands()) {
      auto expand = operand.get().getDefiningOp<graph::ExpandOp>();
      if (!expand || graph::tensorType(expand.getOperand()).getRank() > static_cast<int64_t>(shape.size())) continue;
      // With the expand's operand in its place, the others still give the result's shape.
      const bool others = llvm::any_of(op->getOpOperands(), [&](mlir::OpOperand& other) {
        return other.getOperandNumber() != operand.getOperandNumber() && graph::tensorType(other.get()).getShape() == shape;
      });
      if (!others) continue;
      rewriter.modifyOpInPlace(op, [&] { operand.set(expand.getOperand()); });
      return success();
    }
    return failure();
  }
};

struct WholeSlice : mlir::OpRewritePattern<graph::SliceOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(graph::SliceOp op, PatternRewriter& rewriter) const override {
    if (op.getType() != op.getOperand().getType() || !op.getType().hasStaticShape()) return failure();
    for (auto [i, stride] : llvm::enumerate(op.getStrides())) {
      if (stride < 0 && op.getType().getDimSize(i) > 1) return failure();
    }
    rewriter.replaceOp(op, op.getOperand());
    return success();
  }
};

struct ConcatOfOne : mlir::OpRewritePattern<graph::ConcatOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(graph::ConcatOp op, PatternRewriter& rewriter) const override {
    if (op->getNumOperands() != 1 || op->getOperand(0).getType() != op.getType()) return failure();
    rewriter.replaceOp(op, op->getOperand(0));
    return success();
  }
};

class SimplifyPass : public mlir::PassWrapper<SimplifyPass, mlir::OperationPass<mlir::func::FuncOp>> {
 public:
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(SimplifyPass)

  llvm::StringRef getArgument() const override { return "plimsoll-simplify"; }
  llvm::StringRef getDescription() const override { return "Algebra on the graph"; }

  void runOnOperation() override {
    mlir::MLIRContext* context = &getContext();
    mlir::RewritePatternSet patterns(context);
    patterns.add<Neutral<graph::MulOp>>(context, 1.0, true);
    patterns.add<Neutral<graph::DivOp>>(context, 1.0, false);
    patterns.add<Neutral<graph::SubOp>>(context, 0.0, false);
    patterns.add<Neutral<graph::PowOp>>(context, 1.0, false);
    patterns.add<TransposeChain, ReshapeChain, DotOperands, ScaledDot<graph::MulOp>, ScaledDot<graph::DivOp>, ReshapedRows, ExpandedOperand, WholeSlice, ConcatOfOne>(context);
    AddActivationPatterns(patterns);
    RewriteGreedily(getOperation(), std::move(patterns));
  }
};

}  // namespace

std::unique_ptr<mlir::Pass> CreateSimplifyPass() { return std::make_unique<SimplifyPass>(); }
void RegisterSimplifyPass() {
  mlir::registerPass([]() -> std::unique_ptr<mlir::Pass> { return CreateSimplifyPass(); });
}

}  // namespace plimsoll::passes
