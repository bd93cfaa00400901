#include "passes/select/legalize_pass.h"

#include "ir/graph/build.h"
#include "ir/graph/infer.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "passes/cost/load_time.h"
#include "passes/types.h"

namespace plimsoll::passes {
namespace {

namespace build = graph::build;
using mlir::Value;
using Shape = llvm::SmallVector<int64_t>;

// Weights of more bytes are cast whenever they are used: kept in f32 they would take twice the memory, all the time.
constexpr int64_t kLargeWeight = 1 << 20;

bool IsHalf(mlir::Type element) { return element.isF16() || element.isBF16(); }

class Legalizer {
 public:
  Legalizer(mlir::Operation* op, LibraryModel& library, const LoadTime& load_time)
      : op_(op), library_(library), load_time_(load_time), builder_(op) {}

  void Run() {
    if (!graph::tensorType(op_->getResult(0)).hasStaticShape()) return;
    if (auto pool = llvm::dyn_cast<graph::PoolOp>(op_); pool && CountsPart(pool)) {
      CountAll(pool);
      return;
    }
    absl::StatusOr<LibraryAnswer> answer = library_.Ask(op_, false);
    if (answer.ok() || answer.status().code() != absl::StatusCode::kUnimplemented) return;
    const mlir::Type element = ElementOf(op_->getOperand(0));
    auto dot = llvm::dyn_cast<graph::DotGeneralOp>(op_);
    if (IsHalf(element) || (llvm::isa<graph::PoolOp>(op_) && IsSmallInteger(element))) {
      ComputeIn(builder_.getF32Type());
    } else if (dot && !dot.getLhsZeroPoint() && !dot.getRhsZeroPoint() && element == ElementOf(dot.getRhs()) &&
               element == ElementOf(dot.getResult())) {
      MultiplyAndSum(dot);
    } else if (element.isF64()) {
      ComputeIn(builder_.getF32Type());
    }
  }

 private:
  static bool IsSmallInteger(mlir::Type element) {
    auto integer = llvm::dyn_cast<mlir::IntegerType>(element);
    return integer && integer.getWidth() <= 16;
  }

  Value Cast(Value value, mlir::Type element) {
    if (!value || ElementOf(value) == element) return value;
    auto type = mlir::RankedTensorType::get(graph::tensorType(value).getShape(), element);
    auto cast = builder_.create<graph::CastOp>(op_->getLoc(), type, value);
    if (load_time_.Contains(value) && graph::byteSize(graph::tensorType(value)).value_or(0) > kLargeWeight) {
      cast->setAttr(kAtRunAttribute, builder_.getUnitAttr());
    }
    return cast;
  }

  void ReplaceWith(Value value) {
    op_->getResult(0).replaceAllUsesWith(value);
    op_->erase();
  }

  // The same operation on other types, between casts.
  void ComputeIn(mlir::Type element) {
    const mlir::Type original = ElementOf(op_->getResult(0));
    mlir::Operation* wide = builder_.clone(*op_);
    builder_.setInsertionPoint(wide);
    for (mlir::OpOperand& operand : wide->getOpOperands()) operand.set(Cast(operand.get(), element));
    builder_.setInsertionPointAfter(wide);
    for (mlir::Value result : wide->getResults()) {
      result.setType(mlir::RankedTensorType::get(graph::tensorType(result).getShape(), element));
    }
    for (auto [before, after] : llvm::zip_equal(op_->getResults(), wide->getResults())) {
      before.replaceAllUsesWith(Cast(after, original));
    }
    op_->erase();
  }

  template <typename Op, typename... Args>
  Value Make(Args&&... args) {
    auto result = build::op<Op>(builder_, op_->getLoc(), std::forward<Args>(args)...);
    failed_ |= mlir::failed(result);
    return failed_ ? Value() : *result;
  }
  Value Reshape(Value value, llvm::ArrayRef<int64_t> shape) {
    return failed_ ? Value() : Make<graph::ReshapeOp>(mlir::RankedTensorType::get(shape, ElementOf(value)), value);
  }
  // [..., X, Y] to [..., Y, X].
  Value Exchange(Value value) {
    auto permutation = llvm::to_vector(llvm::seq<int64_t>(0, graph::tensorType(value).getRank()));
    std::swap(permutation[permutation.size() - 2], permutation[permutation.size() - 1]);
    return failed_ ? Value() : Make<graph::TransposeOp>(value, builder_.getDenseI64ArrayAttr(permutation));
  }

  void MultiplyAndSum(graph::DotGeneralOp op) {
    if (op.getPostOps() || graph::tensorType(op.getLhs()).getRank() < 2 || graph::tensorType(op.getRhs()).getRank() < 2) return;
    Value lhs = op.getLhs(), rhs = op.getRhs();
    if (op.getTransposeLhs()) lhs = Exchange(lhs);
    if (!op.getTransposeRhs()) rhs = Exchange(rhs);
    if (failed_) return;
    Shape left(graph::tensorType(lhs).getShape()), right(graph::tensorType(rhs).getShape());
    left.insert(left.end() - 1, 1);     // [..., M, 1, K]
    right.insert(right.end() - 2, 1);   // [..., 1, N, K]
    lhs = Reshape(lhs, left);
    rhs = Reshape(rhs, right);
    if (failed_) return;
    Value product = Make<graph::MulOp>(lhs, rhs);
    if (failed_) return;
    const int64_t axis = graph::tensorType(product).getRank() - 1;
    Value sum = Make<graph::ReduceOp>(product, graph::ReduceKindAttr::get(op.getContext(), graph::ReduceKind::sum),
                                      builder_.getDenseI64ArrayAttr({axis}), builder_.getBoolAttr(false));
    const double scale = op.getScale().convertToDouble();
    if (!failed_ && scale != 1) sum = Make<graph::MulOp>(sum, build::scalar(builder_, op.getLoc(), ElementOf(sum), scale));
    if (!failed_ && op.getBias()) sum = Make<graph::AddOp>(sum, op.getBias());
    if (failed_ || sum.getType() != op.getType()) return;
    ReplaceWith(sum);
  }

  static bool CountsPart(graph::PoolOp op) {
    return op.getKind() == graph::PoolKind::average_include_padding && op.getCountedPadsEnd() != op.getPadsEnd();
  }

  // Elements of each window that count, over all that it has, as a factor of the average over all.
  void CountAll(graph::PoolOp op) {
    const mlir::RankedTensorType operand = graph::tensorType(op.getOperand()), result = graph::tensorType(op.getResult());
    if (!ElementOf(op.getResult()).isF32()) return;
    const size_t spatial = op.getKernel().size();
    const int64_t first = op.getChannelsLast() ? 1 : 2;
    Shape shape(result.getRank(), 1);
    int64_t window = 1;
    llvm::SmallVector<llvm::SmallVector<int64_t>> counts(spatial);
    for (size_t d = 0; d < spatial; ++d) {
      shape[first + d] = result.getDimSize(first + d);
      window *= op.getKernel()[d];
      const int64_t end = operand.getDimSize(first + d) + op.getCountedPadsEnd()[d];
      for (int64_t i = 0; i < shape[first + d]; ++i) {
        int64_t count = 0;
        for (int64_t k = 0; k < op.getKernel()[d]; ++k) {
          count += i * op.getStrides()[d] - op.getPadsBegin()[d] + k * op.getDilations()[d] < end;
        }
        counts[d].push_back(count);
      }
    }
    std::vector<float> factors = {static_cast<float>(window)};
    for (size_t d = 0; d < spatial; ++d) {
      std::vector<float> next;
      for (float factor : factors) {
        for (int64_t count : counts[d]) next.push_back(factor / static_cast<float>(std::max<int64_t>(count, 1)));
      }
      factors = std::move(next);
    }
    auto type = mlir::RankedTensorType::get(shape, builder_.getF32Type());
    Value factor = build::constant(builder_, op.getLoc(), mlir::DenseElementsAttr::get(type, llvm::ArrayRef(factors)));
    op.setCountedPadsEnd(op.getPadsEnd());
    builder_.setInsertionPointAfter(op);
    auto product = build::op<graph::MulOp>(builder_, op.getLoc(), op.getResult(), factor);
    if (mlir::failed(product)) return;
    op.getResult().replaceAllUsesExcept(*product, product->getDefiningOp());
  }

  mlir::Operation* op_;
  LibraryModel& library_;
  const LoadTime& load_time_;
  mlir::OpBuilder builder_;
  bool failed_ = false;
};

// Everything but some element types.
class LackingLibrary : public LibraryModel {
 public:
  explicit LackingLibrary(llvm::SmallVector<std::string> lacks) : lacks_(std::move(lacks)) {}

  absl::StatusOr<LibraryAnswer> Ask(mlir::Operation* op, bool) override {
    std::string element;
    llvm::raw_string_ostream(element) << ElementOf(op->getOperand(0));
    if (llvm::is_contained(lacks_, element)) return absl::UnimplementedError("no " + element);
    return LibraryAnswer();
  }
  std::string LibraryOf(mlir::Operation*) override { return ""; }

 private:
  llvm::SmallVector<std::string> lacks_;
};

class LegalizePass : public mlir::PassWrapper<LegalizePass, mlir::OperationPass<mlir::func::FuncOp>> {
 public:
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(LegalizePass)

  LegalizePass() = default;
  LegalizePass(const LegalizePass& other) : PassWrapper(other), library_(other.library_) {}
  explicit LegalizePass(LibraryModel& library) : library_(&library) {}

  llvm::StringRef getArgument() const override { return "plimsoll-legalize"; }
  llvm::StringRef getDescription() const override { return "What the library cannot do as it stands, said otherwise"; }

  void runOnOperation() override {
    LackingLibrary lacking(llvm::SmallVector<std::string>(lacks_.begin(), lacks_.end()));
    LibraryModel& library = library_ != nullptr ? *library_ : lacking;
    const LoadTime load_time(getOperation());
    llvm::SmallVector<mlir::Operation*> calls;
    getOperation()->walk([&](graph::LibraryCallInterface op) { calls.push_back(op); });
    for (mlir::Operation* op : calls) Legalizer(op, library, load_time).Run();
  }

 private:
  ListOption<std::string> lacks_{*this, "lacks", llvm::cl::desc("element types that the library lacks")};
  LibraryModel* library_ = nullptr;
};

}  // namespace

std::unique_ptr<mlir::Pass> CreateLegalizePass(LibraryModel& library) { return std::make_unique<LegalizePass>(library); }
void RegisterLegalizePass() {
  mlir::registerPass([]() -> std::unique_ptr<mlir::Pass> { return std::make_unique<LegalizePass>(); });
}

}  // namespace plimsoll::passes
