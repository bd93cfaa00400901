#include "passes/fuse/attention_pass.h"

#include <cmath>
#include <optional>

#include "ir/graph/build.h"
#include "ir/graph/infer.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "passes/types.h"

namespace plimsoll::passes {
namespace {

using mlir::Value;

// A product and nothing more: no bias, nothing fused behind it.
graph::DotGeneralOp Product(Value value) {
  auto dot = value.getDefiningOp<graph::DotGeneralOp>();
  if (!dot || dot.getBias() || dot.getPostOps() || dot.getLhsZeroPoint() || dot.getRhsZeroPoint() ||
      dot.getTransposeLhs() || graph::tensorType(value).getRank() != 4 || !graph::tensorType(value).hasStaticShape() ||
      !llvm::isa<mlir::FloatType>(graph::tensorType(value).getElementType())) {
    return nullptr;
  }
  return dot;
}

bool IsHalf(Value value) { return ElementOf(value).isF16() || ElementOf(value).isBF16(); }

// What was rounded to halves, from f32; `value` itself where that is not how it was made.
Value BeforeRounding(Value value) {
  auto cast = value.getDefiningOp<graph::CastOp>();
  return cast && IsHalf(value) && ElementOf(cast.getOperand()).isF32() ? cast.getOperand() : value;
}
// What was widened from halves to f32, for this use alone; `value` itself where that is not how it was made.
Value BeforeWidening(Value value) {
  auto cast = value.getDefiningOp<graph::CastOp>();
  return cast && value.hasOneUse() && ElementOf(value).isF32() && IsHalf(cast.getOperand()) ? cast.getOperand() : value;
}

bool Permutes(graph::TransposeOp op, llvm::ArrayRef<int64_t> permutation) {
  return op && op.getPermutation() == permutation;
}

// An operand as the attention reads it: [N, heads, sequence, size], or the two in the middle exchanged. It may be f32
// where the product's operand is halves: it is rounded as it is then, before heads are repeated or anything exchanged.
// `factor`, where there is one, is of one element: a scale that is known at run time only.
struct Heads {
  Value value;
  bool sequence_first = false;
  Value factor;
};

// What `value` is `factor` times, if that is of one element; else `value` itself.
Value WithoutFactor(Value value, Value& factor) {
  auto product = value.getDefiningOp<graph::MulOp>();
  for (int side = 0; product && value.hasOneUse() && side < 2; ++side) {
    Value scale = product->getOperand(side), scaled = product->getOperand(1 - side);
    const mlir::RankedTensorType type = graph::tensorType(scale);
    if (!type.hasStaticShape() || type.getNumElements() != 1 || scaled.getType() != value.getType()) continue;
    factor = scale;
    return scaled;
  }
  return value;
}

// [N, G, T, D] of which `many`, [N, G, r, T, D], has each head r times; null: it is something else.
Value Repeated(Value many) {
  auto expand = many.getDefiningOp<graph::ExpandOp>();
  auto split = expand ? expand.getOperand().getDefiningOp<graph::ReshapeOp>() : nullptr;
  if (!split || graph::tensorType(split.getOperand()).getRank() != 4) return nullptr;
  llvm::ArrayRef<int64_t> from = ShapeOf(split.getOperand()), one = ShapeOf(split.getResult()), to = ShapeOf(many);
  const bool splits = one == llvm::ArrayRef<int64_t>({from[0], from[1], 1, from[2], from[3]});
  return splits && to.size() == 5 && to == llvm::ArrayRef<int64_t>({from[0], from[1], to[2], from[2], from[3]})
             ? split.getOperand()
             : nullptr;
}

// What heads are repeated of where `value` is the repeated heads as [N, G r, T, D]; else `value` itself.
Value WithoutRepeats(Value value) {
  auto merge = value.getDefiningOp<graph::ReshapeOp>();
  Value source = merge ? Repeated(merge.getOperand()) : nullptr;
  if (!source) return value;
  llvm::ArrayRef<int64_t> many = ShapeOf(merge.getOperand());
  return ShapeOf(value) == llvm::ArrayRef<int64_t>({many[0], many[1] * many[2], many[3], many[4]}) ? source : value;
}

Heads HeadsOf(Value value, bool may_repeat) {
  Value factor;
  const Value before = WithoutFactor(BeforeRounding(value), factor);
  const Value once = may_repeat ? WithoutRepeats(before) : before;
  auto transpose = once.getDefiningOp<graph::TransposeOp>();
  if (Permutes(transpose, {0, 2, 1, 3})) return {transpose.getOperand(), true, factor};
  if (once == before) return {value};
  return {once, false, factor};
}

// From [N, H, D, T].
std::optional<Heads> HeadsOfTransposed(Value value) {
  Value factor;
  value = WithoutFactor(BeforeRounding(value), factor);
  auto scaled = [&](Heads heads) -> std::optional<Heads> {
    if (factor && heads.factor) return std::nullopt;
    if (factor) heads.factor = factor;
    return heads;
  };
  auto transpose = value.getDefiningOp<graph::TransposeOp>();
  if (Permutes(transpose, {0, 1, 3, 2})) return scaled(HeadsOf(transpose.getOperand(), true));
  if (Permutes(transpose, {0, 2, 3, 1})) return scaled({transpose.getOperand(), true});
  // Heads merged with the batch, exchanged, and split again.
  auto split = value.getDefiningOp<graph::ReshapeOp>();
  transpose = split ? split.getOperand().getDefiningOp<graph::TransposeOp>() : nullptr;
  auto merge = Permutes(transpose, {0, 2, 1}) ? transpose.getOperand().getDefiningOp<graph::ReshapeOp>() : nullptr;
  if (!merge) return std::nullopt;
  const Value source = Repeated(merge.getOperand());
  llvm::SmallVector<int64_t> from(ShapeOf(merge.getOperand()));
  if (source) {
    from[1] *= from[2];
    from.erase(from.begin() + 2);
  }
  if (from.size() != 4) return std::nullopt;
  const bool merges = ShapeOf(merge.getResult()) == llvm::ArrayRef<int64_t>({from[0] * from[1], from[2], from[3]});
  const bool splits = ShapeOf(value) == llvm::ArrayRef<int64_t>({from[0], from[1], from[3], from[2]});
  if (!merges || !splits) return std::nullopt;
  return scaled(HeadsOf(source ? source : merge.getOperand(), true));
}

bool IsZero(Value value) {
  auto numbers = graph::build::floatsOf(value);
  return numbers && llvm::all_of(*numbers, [](double x) { return x == 0; });
}

// What lies between q, k, v and the result.
struct Match {
  Heads q, k, v;
  Value mask;
  double scale = 1;
  bool zero_if_nan = false;
};

// The softmax that `weights` are, past what rounds them to halves and makes zeros of rows that are no number.
graph::SoftmaxOp SoftmaxOf(Value weights, bool& zero_if_nan) {
  if (!weights.hasOneUse()) return nullptr;
  weights = BeforeRounding(weights);
  if (!weights.hasOneUse()) return nullptr;
  if (auto select = weights.getDefiningOp<graph::SelectOp>()) {
    auto is_nan = select.getCondition().getDefiningOp<graph::IsNanOp>();
    Value softmax = select.getOnFalse();
    const bool guards = is_nan && is_nan.getOperand() == softmax && is_nan->hasOneUse() && IsZero(select.getOnTrue()) &&
                        llvm::range_size(softmax.getUses()) == 2;
    zero_if_nan = guards;
    return guards ? softmax.getDefiningOp<graph::SoftmaxOp>() : nullptr;
  }
  return weights.getDefiningOp<graph::SoftmaxOp>();
}

std::optional<Match> MatchAttention(graph::DotGeneralOp root) {
  auto outer = Product(root.getResult());
  if (!outer || outer.getTransposeRhs() || outer.getScale().convertToDouble() != 1) return std::nullopt;
  Match match;
  graph::SoftmaxOp softmax = SoftmaxOf(outer.getLhs(), match.zero_if_nan);
  if (!softmax || softmax.getLog() || softmax.getAxis() != 3) return std::nullopt;
  Value scores = softmax.getOperand();
  if (!scores.hasOneUse()) return std::nullopt;
  scores = BeforeWidening(scores);
  if (!scores.hasOneUse()) return std::nullopt;
  if (auto add = scores.getDefiningOp<graph::AddOp>()) {
    for (int side = 0; side < 2 && !match.mask; ++side) {
      Value product = BeforeWidening(add->getOperand(side)), other = add->getOperand(1 - side);
      if (!Product(product) || !product.hasOneUse() || ShapeOf(product) != ShapeOf(add.getResult())) continue;
      match.mask = other;
      scores = product;
    }
    if (!match.mask) return std::nullopt;
  }
  graph::DotGeneralOp inner = Product(scores);
  if (!inner) return std::nullopt;
  const mlir::Type element = ElementOf(root.getResult());
  for (Value value : {inner.getLhs(), inner.getRhs(), outer.getLhs(), outer.getRhs(), inner.getResult()}) {
    if (graph::tensorType(value).getRank() != 4 || ElementOf(value) != element) return std::nullopt;
  }
  match.scale = inner.getScale().convertToDouble();
  std::optional<Heads> k = HeadsOf(inner.getRhs(), true);
  if (!inner.getTransposeRhs()) k = HeadsOfTransposed(inner.getRhs());
  if (!k) return std::nullopt;
  match.q = HeadsOf(inner.getLhs(), false);
  match.k = *k;
  match.v = HeadsOf(outer.getRhs(), true);
  auto heads = [](const Heads& operand) { return ShapeOf(operand.value)[operand.sequence_first ? 2 : 1]; };
  if (heads(match.k) != heads(match.v)) {
    // Repeated in one of the two only.
    match.v = HeadsOf(outer.getRhs(), false);
    match.k = inner.getTransposeRhs() ? HeadsOf(inner.getRhs(), false) : match.k;
    if (heads(match.k) != heads(match.v)) return std::nullopt;
  }
  return match;
}

class AttentionPass : public mlir::PassWrapper<AttentionPass, mlir::OperationPass<mlir::func::FuncOp>> {
 public:
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(AttentionPass)

  AttentionPass() = default;
  explicit AttentionPass(LibraryModel& library) : library_(&library) {}

  llvm::StringRef getArgument() const override { return "plimsoll-attention"; }
  llvm::StringRef getDescription() const override { return "Attention spelled out becomes one operation"; }

  void runOnOperation() override {
    llvm::SmallVector<graph::DotGeneralOp> roots;
    getOperation()->walk([&](graph::DotGeneralOp op) { roots.push_back(op); });
    for (graph::DotGeneralOp root : roots) {
      if (std::optional<Match> match = MatchAttention(root)) Replace(root, *match);
    }
  }

 private:
  void Replace(graph::DotGeneralOp root, const Match& match) {
    mlir::OpBuilder builder(root);
    // The result's own exchange of heads and sequence, where that is all that reads it.
    graph::TransposeOp after;
    if (root->hasOneUse()) after = llvm::dyn_cast<graph::TransposeOp>(*root->user_begin());
    if (!Permutes(after, {0, 2, 1, 3}) || after->getBlock() != root->getBlock()) after = nullptr;
    const mlir::Type element = ElementOf(root.getResult());
    auto operand = [&](const Heads& heads) -> Value {
      Value value = heads.value;
      if (heads.factor) value = builder.create<graph::MulOp>(root.getLoc(), value.getType(), value, heads.factor);
      if (ElementOf(value) == element) return value;
      return builder.create<graph::CastOp>(root.getLoc(), graph::tensorType(value).clone(element), value);
    };
    const Value operands[] = {operand(match.q), operand(match.k), operand(match.v)};
    const bool sequence_first[] = {match.q.sequence_first, match.k.sequence_first, match.v.sequence_first, after != nullptr};
    mlir::Value replaced = after ? after.getResult() : root.getResult();
    auto made = graph::build::op<graph::AttentionOp>(
        builder, root.getLoc(), operands[0], operands[1], operands[2], match.mask,
        builder.getF64FloatAttr(match.scale), builder.getBoolAttr(match.zero_if_nan),
        builder.getDenseBoolArrayAttr(sequence_first), mlir::IntegerAttr());
    const bool taken = mlir::succeeded(made) && made->getType() == replaced.getType() &&
                       (library_ == nullptr || library_->Ask(made->getDefiningOp(), false).ok());
    if (!taken) {
      if (mlir::succeeded(made)) return EraseUnused(made->getDefiningOp());
      for (Value unused : operands)
        if (unused.use_empty()) EraseUnused(unused.getDefiningOp());
      return;
    }
    replaced.replaceAllUsesWith(*made);
    if (after) after->erase();
    EraseUnused(root);
  }

  // What was spelled out: from the last operation back.
  static void EraseUnused(mlir::Operation* op) {
    llvm::SmallVector<mlir::Operation*> pending = {op};
    while (!pending.empty()) {
      mlir::Operation* unused = pending.pop_back_val();
      if (!unused->use_empty()) continue;
      llvm::SmallSetVector<mlir::Operation*, 4> producers;
      for (Value operand : unused->getOperands()) {
        if (mlir::Operation* producer = operand.getDefiningOp()) producers.insert(producer);
      }
      for (mlir::Operation* waiting : pending) producers.remove(waiting);
      unused->erase();
      for (mlir::Operation* producer : producers) {
        if (producer->use_empty() && mlir::isMemoryEffectFree(producer)) pending.push_back(producer);
      }
    }
  }

  LibraryModel* library_ = nullptr;
};

}  // namespace

std::unique_ptr<mlir::Pass> CreateAttentionPass(LibraryModel& library) { return std::make_unique<AttentionPass>(library); }
void RegisterAttentionPass() {
  mlir::registerPass([]() -> std::unique_ptr<mlir::Pass> { return std::make_unique<AttentionPass>(); });
}

}  // namespace plimsoll::passes
