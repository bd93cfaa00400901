#include "passes/simplify/activations.h"

#include <cmath>
#include <optional>

#include "ir/graph/infer.h"
#include "passes/simplify/constants.h"

namespace plimsoll::passes {
namespace {

using graph::ActivationKind;
using mlir::Value;

constexpr int kMostFactors = 4;  // more than any function here has
constexpr int kMostDepth = 6;    // of operations taken apart

// A product spelled out: coefficient * factors[0] * factors[1] ..., all factors of one type.
struct Product {
  double coefficient = 1;
  llvm::SmallVector<Value, kMostFactors> factors;
};

// Whether `value` is computed for `user` alone, and has its type: then nothing else needs it when `user` is replaced.
bool IsInner(Value value, mlir::Operation* user) {
  return value.getType() == user->getResult(0).getType() &&
         llvm::all_of(value.getUsers(), [&](mlir::Operation* other) { return other == user; });
}

// Takes `value` apart into factors. What others use too stays a factor.
void TakeFactors(Value value, Product& product, int depth = 0) {
  mlir::Operation* op = value.getDefiningOp();
  auto descend = [&](Value inner) {
    if (IsInner(inner, op) && depth < kMostDepth && product.factors.size() < kMostFactors) {
      TakeFactors(inner, product, depth + 1);
    } else {
      product.factors.push_back(inner);
    }
  };
  if (llvm::isa_and_nonnull<graph::MulOp, graph::DivOp>(op)) {
    const bool divides = llvm::isa<graph::DivOp>(op);
    for (int scalar : {1, 0}) {
      std::optional<double> factor = SplatOf(op->getOperand(scalar));
      if (!factor || (divides && (scalar == 0 || *factor == 0)) || op->getOperand(1 - scalar).getType() != value.getType()) continue;
      product.coefficient *= divides ? 1 / *factor : *factor;
      return descend(op->getOperand(1 - scalar));
    }
    if (!divides && op->getOperand(0).getType() == value.getType() && op->getOperand(1).getType() == value.getType()) {
      descend(op->getOperand(0));
      return descend(op->getOperand(1));
    }
  }
  if (auto power = llvm::dyn_cast_or_null<graph::PowOp>(op)) {
    std::optional<double> exponent = SplatOf(power.getRhs());
    if (power.getLhs().getType() == value.getType() && (exponent == 2 || exponent == 3)) {
      product.factors.append(static_cast<size_t>(*exponent), power.getLhs());
      return;
    }
  }
  product.factors.push_back(value);
}

Product ProductOf(Value value) {
  Product product;
  TakeFactors(value, product);
  return product;
}

class Matcher {
 public:
  // Of the root's type; constants differ from what they should be by the type's rounding, or by a decimal's.
  explicit Matcher(mlir::FloatType type)
      : tolerance_(std::max(1e-5, std::ldexp(1.0, -static_cast<int>(type.getFPMantissaWidth())))) {}

  // The function that the product is, and its parameter.
  struct Match {
    ActivationKind kind;
    Value operand;
    double alpha = 0;
  };
  std::optional<Match> MatchProduct(Value value) const {
    const Product product = ProductOf(value);
    if (product.factors.size() != 2) return std::nullopt;
    for (int side : {0, 1}) {
      const Value x = product.factors[side], other = product.factors[1 - side];
      if (!other.getDefiningOp() || !other.hasOneUse()) continue;
      if (Is(product.coefficient, 0.5)) {
        if (IsOnePlusErf(other, x)) return Match{ActivationKind::gelu_erf, x};
        if (IsOnePlusTanh(other, x)) return Match{ActivationKind::gelu_tanh, x};
      }
      if (Is(product.coefficient, 1)) {
        if (std::optional<double> alpha = SigmoidOf(other, x)) return Match{ActivationKind::silu, x, *alpha};
        if (IsTanhOfSoftplus(other, x)) return Match{ActivationKind::mish, x};
        if (IsHardSigmoid(other, x)) return Match{ActivationKind::hard_swish, x};
      }
      if (Is(product.coefficient, 1.0 / 6) && IsClippedSum(other, x)) return Match{ActivationKind::hard_swish, x};
    }
    return std::nullopt;
  }

 private:
  bool Is(double constant, double wanted) const { return std::abs(constant - wanted) <= tolerance_ * std::abs(wanted); }

  // What is added to the constant `wanted`.
  Value AddedTo(Value sum, double wanted) const {
    auto add = sum.getDefiningOp<graph::AddOp>();
    if (!add) return nullptr;
    for (int side : {1, 0}) {
      std::optional<double> constant = SplatOf(add->getOperand(side));
      if (constant && Is(*constant, wanted) && add->getOperand(1 - side).getType() == sum.getType()) return add->getOperand(1 - side);
    }
    return nullptr;
  }
  // Of value = c x^n: c.
  static std::optional<double> CoefficientOf(Value value, Value x, size_t n) {
    const Product product = ProductOf(value);
    if (product.factors.size() != n || !llvm::all_of(product.factors, [&](Value factor) { return factor == x; })) return std::nullopt;
    return product.coefficient;
  }
  static graph::ActivationOp ActivationOf(Value value, ActivationKind kind) {
    auto op = value.getDefiningOp<graph::ActivationOp>();
    return op && op.getKind() == kind ? op : nullptr;
  }

  bool IsOnePlusErf(Value value, Value x) const {
    const Value inner = AddedTo(value, 1);
    auto erf = inner ? inner.getDefiningOp<graph::ErfOp>() : nullptr;
    std::optional<double> scale = erf ? CoefficientOf(erf.getOperand(), x, 1) : std::nullopt;
    return scale && Is(*scale, std::sqrt(0.5));
  }
  bool IsOnePlusTanh(Value value, Value x) const {
    const Value inner = AddedTo(value, 1);
    auto tanh = inner ? inner.getDefiningOp<graph::TanhOp>() : nullptr;
    return tanh && IsCubic(tanh.getOperand(), x);
  }
  // sqrt(2 / pi) (x + 0.044715 x^3), or sqrt(2 / pi) x (1 + 0.044715 x^2).
  bool IsCubic(Value value, Value x) const {
    constexpr double kCube = 0.044715;
    const Product product = ProductOf(value);
    if (!Is(product.coefficient, std::sqrt(2 / M_PI))) return false;
    if (product.factors.size() == 1) {
      auto add = product.factors[0].getDefiningOp<graph::AddOp>();
      for (int side : {0, 1}) {
        if (!add || add->getOperand(side) != x) continue;
        std::optional<double> cube = CoefficientOf(add->getOperand(1 - side), x, 3);
        if (cube && Is(*cube, kCube)) return true;
      }
    }
    if (product.factors.size() != 2) return false;
    for (int side : {0, 1}) {
      if (product.factors[side] != x) continue;
      const Value square = AddedTo(product.factors[1 - side], 1);
      std::optional<double> factor = square ? CoefficientOf(square, x, 2) : std::nullopt;
      if (factor && Is(*factor, kCube)) return true;
    }
    return false;
  }
  // Of sigmoid(alpha x): alpha.
  std::optional<double> SigmoidOf(Value value, Value x) const {
    graph::ActivationOp sigmoid = ActivationOf(value, ActivationKind::sigmoid);
    if (!sigmoid) return std::nullopt;
    if (sigmoid.getOperand() == x) return 1;
    return CoefficientOf(sigmoid.getOperand(), x, 1);
  }
  bool IsTanhOfSoftplus(Value value, Value x) const {
    auto tanh = value.getDefiningOp<graph::TanhOp>();
    graph::ActivationOp softplus = tanh ? ActivationOf(tanh.getOperand(), ActivationKind::softplus) : nullptr;
    return softplus && softplus.getOperand() == x;
  }
  bool IsHardSigmoid(Value value, Value x) const {
    graph::ActivationOp op = ActivationOf(value, ActivationKind::hard_sigmoid);
    return op && op.getOperand() == x && Is(op.getAlpha().convertToDouble(), 1.0 / 6) && Is(op.getBeta().convertToDouble(), 0.5);
  }
  // clip(x + 3, 0, 6).
  bool IsClippedSum(Value value, Value x) const {
    graph::ActivationOp clip = ActivationOf(value, ActivationKind::clip);
    return clip && clip.getAlpha().convertToDouble() == 0 && Is(clip.getBeta().convertToDouble(), 6) &&
           AddedTo(clip.getOperand(), 3) == x;
  }

  double tolerance_;
};

// The root is the last multiplication or division.
template <typename Op>
struct SpelledActivation : mlir::OpRewritePattern<Op> {
  using mlir::OpRewritePattern<Op>::OpRewritePattern;
  mlir::LogicalResult matchAndRewrite(Op op, mlir::PatternRewriter& rewriter) const override {
    auto type = llvm::dyn_cast<mlir::FloatType>(graph::tensorType(op.getResult()).getElementType());
    if (!type) return mlir::failure();
    std::optional<Matcher::Match> match = Matcher(type).MatchProduct(op.getResult());
    if (!match || match->operand.getType() != op.getType()) return mlir::failure();
    rewriter.replaceOpWithNewOp<graph::ActivationOp>(op, op.getType(), match->operand, match->kind,
                                                     llvm::APFloat(match->alpha), llvm::APFloat(0.0));
    return mlir::success();
  }
};

}  // namespace

void AddActivationPatterns(mlir::RewritePatternSet& patterns) {
  patterns.add<SpelledActivation<graph::MulOp>, SpelledActivation<graph::DivOp>>(patterns.getContext());
}

}  // namespace plimsoll::passes
