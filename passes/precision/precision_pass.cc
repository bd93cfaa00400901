#include "passes/precision/precision_pass.h"

#include <cmath>

#include "ir/graph/build.h"
#include "ir/graph/infer.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "passes/cost/load_time.h"

namespace plimsoll::passes {
namespace {

namespace build = graph::build;
using mlir::Value;

bool IsF32(Value value) { return graph::tensorType(value).getElementType().isF32(); }

bool AllStatic(mlir::Operation* op) {
  auto is_static = [](mlir::Type type) { return llvm::cast<mlir::RankedTensorType>(type).hasStaticShape(); };
  return llvm::all_of(op->getOperandTypes(), is_static) && llvm::all_of(op->getResultTypes(), is_static);
}

class Converter {
 public:
  Converter(mlir::func::FuncOp function, mlir::FloatType low, LibraryModel* library)
      : function_(function), low_(low), library_(library), load_time_(function) {}

  void Run() {
    llvm::SmallVector<mlir::Operation*> operations;
    function_.walk<mlir::WalkOrder::PreOrder>([&](graph::PrecisionInterface op) { operations.push_back(op); });
    for (mlir::Operation* op : operations) Convert(op);
    for (mlir::Operation* cast : llvm::reverse(casts_)) {
      if (cast->use_empty()) cast->erase();
    }
  }

 private:
  void Convert(mlir::Operation* op) {
    if (load_time_.Contains(op) || !AllStatic(op) || op->getNumResults() == 0) return;
    switch (llvm::cast<graph::PrecisionInterface>(op).precisionClass()) {
      case graph::PrecisionClass::FULL: return;
      case graph::PrecisionClass::LOW:
        if (llvm::all_of(op->getResults(), IsF32)) Lower(op);
        return;
      case graph::PrecisionClass::FOLLOW:
        if (Follows(op)) Lower(op);
        return;
    }
  }

  // Whether every f32 operand is low already, or may be without harm.
  bool Follows(mlir::Operation* op) const {
    bool any = false;
    for (Value operand : op->getOperands()) {
      if (!IsF32(operand)) continue;
      any = true;
      if (narrow_.contains(operand)) continue;
      if (auto constant = operand.getDefiningOp<graph::ConstantOp>(); constant ? Holds(operand) : load_time_.Contains(operand)) {
        continue;
      }
      return false;
    }
    return any;
  }

  // Whether the low type holds every element of a constant: none overflows, none vanishes.
  bool Holds(Value constant) const {
    const auto elements = build::floatsOf(constant);
    if (!elements) return false;
    mlir::FloatType low = low_;
    const llvm::fltSemantics& semantics = low.getFloatSemantics();
    const double largest = llvm::APFloat::getLargest(semantics).convertToDouble();
    const double smallest = llvm::APFloat::getSmallestNormalized(semantics).convertToDouble();
    return llvm::all_of(*elements, [&](double x) {
      return x == 0 || !std::isfinite(x) || (std::abs(x) <= largest && std::abs(x) >= smallest);
    });
  }

  mlir::RankedTensorType WithElement(Value value, mlir::Type element) const {
    return mlir::RankedTensorType::get(graph::tensorType(value).getShape(), element, graph::tensorType(value).getEncoding());
  }

  // The value rounded to the low type: one cast right behind it.
  Value Narrow(Value value) {
    if (const auto known = narrow_.find(value); known != narrow_.end()) return known->second;
    mlir::OpBuilder builder(function_.getContext());
    builder.setInsertionPointAfterValue(value);
    auto cast = build::op<graph::CastOp>(builder, value.getLoc(), WithElement(value, low_), value);
    if (mlir::failed(cast)) return Value();
    if (cast->getDefiningOp<graph::CastOp>()) casts_.push_back(cast->getDefiningOp());
    if (load_time_.Contains(value)) load_time_.Add(*cast);
    return narrow_[value] = *cast;
  }

  void Lower(mlir::Operation* op) {
    mlir::OpBuilder builder(op);
    mlir::Operation* narrow = builder.clone(*op);
    for (mlir::OpOperand& operand : narrow->getOpOperands()) {
      if (!IsF32(operand.get())) continue;
      Value value = Narrow(operand.get());
      if (!value) return narrow->erase();
      operand.set(value);
    }
    for (Value result : narrow->getResults()) {
      if (IsF32(result)) result.setType(WithElement(result, low_));
    }
    if (library_ != nullptr && llvm::isa<graph::LibraryCallInterface>(narrow) && !library_->Ask(narrow, false).ok()) {
      return narrow->erase();
    }
    for (auto [before, after] : llvm::zip_equal(op->getResults(), narrow->getResults())) {
      Value wide = after;
      if (before.getType() != after.getType()) {
        auto cast = builder.create<graph::CastOp>(op->getLoc(), before.getType(), after);
        casts_.push_back(cast);
        wide = cast;
        narrow_[wide] = after;
      }
      before.replaceAllUsesWith(wide);
    }
    op->erase();
  }

  mlir::func::FuncOp function_;
  mlir::FloatType low_;
  LibraryModel* library_;
  LoadTime load_time_;
  llvm::DenseMap<Value, Value> narrow_;          // of an f32 value: the same in the low type
  llvm::SmallVector<mlir::Operation*> casts_;    // made here, in order
};

class PrecisionPass : public mlir::PassWrapper<PrecisionPass, mlir::OperationPass<mlir::func::FuncOp>> {
 public:
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(PrecisionPass)

  PrecisionPass() = default;
  PrecisionPass(const PrecisionPass& other) : PassWrapper(other), library_(other.library_) {}
  PrecisionPass(LowPrecision low, LibraryModel* library) : library_(library) {
    type_ = low == LowPrecision::kBf16 ? "bf16" : "f16";
  }

  llvm::StringRef getArgument() const override { return "plimsoll-precision"; }
  llvm::StringRef getDescription() const override { return "Low precision where it gains and does no harm"; }

  void runOnOperation() override {
    mlir::Builder builder(&getContext());
    if (type_ == "bf16") return Converter(getOperation(), builder.getBF16Type(), library_).Run();
    if (type_ == "f16") return Converter(getOperation(), builder.getF16Type(), library_).Run();
    getOperation().emitError() << "plimsoll-precision: no low type '" << type_ << "'; there are bf16 and f16";
    signalPassFailure();
  }

 private:
  Option<std::string> type_{*this, "type", llvm::cl::desc("bf16 or f16"), llvm::cl::init("bf16")};
  LibraryModel* library_ = nullptr;
};

}  // namespace

std::unique_ptr<mlir::Pass> CreatePrecisionPass(LowPrecision low, LibraryModel* library) {
  return std::make_unique<PrecisionPass>(low, library);
}
void RegisterPrecisionPass() {
  mlir::registerPass([]() -> std::unique_ptr<mlir::Pass> { return std::make_unique<PrecisionPass>(); });
}

}  // namespace plimsoll::passes
