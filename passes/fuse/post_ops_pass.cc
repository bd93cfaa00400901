#include "passes/fuse/post_ops_pass.h"

#include <optional>

#include "ir/graph/build.h"
#include "ir/graph/infer.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "passes/cost/load_time.h"

namespace plimsoll::passes {
namespace {

using Shape = llvm::SmallVector<int64_t>;

constexpr size_t kMostPostOps = 6;

// The library's name of an elementwise operation, or none.
std::optional<mlir::DictionaryAttr> Eltwise(mlir::Operation* op, mlir::Builder& builder) {
  std::string function;
  double alpha = 0, beta = 0;
  if (auto activation = llvm::dyn_cast<graph::ActivationOp>(op)) {
    alpha = activation.getAlpha().convertToDouble();
    beta = activation.getBeta().convertToDouble();
    if (activation.getKind() == graph::ActivationKind::silu && alpha != 1) return std::nullopt;
    function = graph::stringifyActivationKind(activation.getKind()).str();
  } else if (llvm::isa<graph::TanhOp>(op)) {
    function = "tanh";
  } else if (llvm::isa<graph::ExpOp>(op)) {
    function = "exp";
  } else if (llvm::isa<graph::AbsOp>(op)) {
    function = "abs";
  } else {
    return std::nullopt;
  }
  return builder.getDictionaryAttr({builder.getNamedAttr("kind", builder.getStringAttr("eltwise")),
                                    builder.getNamedAttr("function", builder.getStringAttr(function)),
                                    builder.getNamedAttr("alpha", builder.getF64FloatAttr(alpha)),
                                    builder.getNamedAttr("beta", builder.getF64FloatAttr(beta))});
}

bool IsSilu(mlir::Operation* op) {
  auto activation = llvm::dyn_cast<graph::ActivationOp>(op);
  return activation && activation.getKind() == graph::ActivationKind::silu;
}

// "add" for graph.add...; empty where the library has no such operation. `is_lhs`: the contraction is the left operand.
llvm::StringRef Binary(mlir::Operation* op, bool is_lhs) {
  if (llvm::isa<graph::AddOp>(op)) return "add";
  if (llvm::isa<graph::MulOp>(op)) return "mul";
  if (llvm::isa<graph::SubOp>(op) && is_lhs) return "sub";
  if (llvm::isa<graph::DivOp>(op) && is_lhs) return "div";
  return "";
}

enum class Broadcast { kFull, kChannel, kScalar, kOther };

// How `value` is broadcast to `result`, whose channels are dim `channel`.
Broadcast BroadcastOf(mlir::Value value, mlir::RankedTensorType result, int64_t channel) {
  mlir::RankedTensorType type = graph::tensorType(value);
  if (type.getShape() == result.getShape()) return Broadcast::kFull;
  if (type.getNumElements() == 1) return Broadcast::kScalar;
  Shape padded(type.getShape());
  while (static_cast<int64_t>(padded.size()) < result.getRank()) padded.insert(padded.begin(), 1);
  for (int64_t i = 0; i < result.getRank(); ++i) {
    if (padded[i] != (i == channel ? result.getDimSize(i) : 1)) return Broadcast::kOther;
  }
  return Broadcast::kChannel;
}

class Folder {
 public:
  Folder(mlir::Operation* op, LoadTime& load_time, LibraryModel* library)
      : op_(op), load_time_(load_time), library_(library), builder_(op) {}

  void Run() {
    mlir::RankedTensorType type = graph::tensorType(op_->getResult(0));
    if (!type.hasStaticShape() || !llvm::isa<mlir::FloatType>(type.getElementType()) || load_time_.Contains(op_)) return;
    SeparateBias();
    while (op_->getResult(0).hasOneUse() && TakeUser(*op_->getResult(0).getUses().begin())) {
    }
  }

 private:
  bool TakeUser(mlir::OpOperand& use) {
    mlir::Operation* user = use.getOwner();
    if (user->getBlock() != op_->getBlock() || user->getNumResults() != 1 ||
        user->getResult(0).getType() != op_->getResult(0).getType()) {
      return false;
    }
    op_->moveBefore(user);   // nothing else reads it, and here all that the user reads is known
    if (IsSilu(user) && !library_) return false;   // oneDNN's costs what the saved pass over memory gains, or more
    if (auto eltwise = Eltwise(user, builder_)) return !is_transposed() && AddPostOp(*eltwise, user, nullptr);
    if (user->getNumOperands() != 2 || user->getOperand(0) == user->getOperand(1)) return false;
    const bool is_lhs = use.getOperandNumber() == 0;
    const llvm::StringRef function = Binary(user, is_lhs);
    mlir::Value other = user->getOperand(is_lhs ? 1 : 0);
    if (function.empty() || !graph::tensorType(other).hasStaticShape() ||
        graph::tensorType(other).getElementType() != graph::tensorType(op_->getResult(0)).getElementType()) {
      return false;
    }
    if (post_ops().empty() && (Scale(function, other, user) || Bias(function, other, user))) return true;
    return !is_transposed() && BinaryPostOp(function, other, user);
  }

  llvm::ArrayRef<mlir::Attribute> post_ops() const {
    auto list = op_->getAttrOfType<mlir::ArrayAttr>("post_ops");
    return list ? list.getValue() : llvm::ArrayRef<mlir::Attribute>();
  }
  bool is_transposed() const {
    auto convolution = llvm::dyn_cast<graph::ConvolutionOp>(op_);
    return convolution && convolution.getTransposed();
  }
  int64_t channel() const {
    auto convolution = llvm::dyn_cast<graph::ConvolutionOp>(op_);
    return convolution && !convolution.getChannelsLast() ? 1 : graph::tensorType(op_->getResult(0)).getRank() - 1;
  }

  // Whether the operation stays with the library that computes it when it is changed so.
  bool StaysWithLibrary(llvm::function_ref<void(mlir::Operation*)> change) {
    if (library_ == nullptr) return true;
    const std::string library = library_->LibraryOf(op_);
    if (library.empty()) return true;
    mlir::OpBuilder::InsertionGuard guard(builder_);
    builder_.setInsertionPointAfter(op_);
    mlir::Operation* changed = builder_.clone(*op_);
    change(changed);
    const bool stays = library_->LibraryOf(changed) == library;
    changed->erase();
    return stays;
  }

  // The operation takes the user's place.
  bool Replace(mlir::Operation* user) {
    mlir::Location location = builder_.getFusedLoc({op_->getLoc(), user->getLoc()});
    op_->setLoc(location);
    user->getResult(0).replaceAllUsesWith(op_->getResult(0));
    user->erase();
    return true;
  }

  bool AddPostOp(mlir::DictionaryAttr post_op, mlir::Operation* user, mlir::Value operand) {
    if (post_ops().size() >= kMostPostOps) return false;
    llvm::SmallVector<mlir::Attribute> list(post_ops());
    list.push_back(post_op);
    auto add = [&](mlir::Operation* op) {
      if (operand) {
        if (auto dot = llvm::dyn_cast<graph::DotGeneralOp>(op)) dot.getPostOperandsMutable().append(operand);
        if (auto convolution = llvm::dyn_cast<graph::ConvolutionOp>(op)) convolution.getPostOperandsMutable().append(operand);
      }
      op->setAttr("post_ops", builder_.getArrayAttr(list));
    };
    if (!StaysWithLibrary(add)) return false;
    add(op_);
    return Replace(user);
  }

  // A product by constants of the channels goes into a convolution's weights and bias.
  bool Scale(llvm::StringRef function, mlir::Value other, mlir::Operation* user) {
    auto convolution = llvm::dyn_cast<graph::ConvolutionOp>(op_);
    if (!convolution || function != "mul" || is_transposed() || !IsChannels(other) || !load_time_.Contains(convolution.getWeights()) ||
        (convolution.getBias() && !load_time_.Contains(convolution.getBias()))) {
      return false;
    }
    Shape per_filter(graph::tensorType(convolution.getWeights()).getRank(), 1);
    per_filter[0] = graph::tensorType(other).getNumElements();
    mlir::Value weights = Combine<graph::MulOp>(convolution.getWeights(), Reshaped(other, per_filter));
    if (!weights) return false;
    convolution.getWeightsMutable().assign(weights);
    if (convolution.getBias()) {
      mlir::Value bias = Combine<graph::MulOp>(convolution.getBias(), Reshaped(other, {per_filter[0]}));
      if (!bias) return false;
      convolution.getBiasMutable().assign(bias);
    }
    return Replace(user);
  }

  // A bias that alone keeps a convolution from its library is added behind it.
  void SeparateBias() {
    auto convolution = llvm::dyn_cast<graph::ConvolutionOp>(op_);
    if (library_ == nullptr || !convolution || !convolution.getBias() || !library_->LibraryOf(op_).empty()) return;
    mlir::Operation* alone = builder_.clone(*op_);
    llvm::cast<graph::ConvolutionOp>(alone).getBiasMutable().clear();
    const bool has_library = !library_->LibraryOf(alone).empty();
    alone->erase();
    if (!has_library || !post_ops().empty()) return;
    mlir::OpBuilder::InsertionGuard guard(builder_);
    builder_.setInsertionPointAfter(op_);
    mlir::Value result = op_->getResult(0), bias = convolution.getBias();
    Shape shape(graph::tensorType(result).getRank() - channel(), 1);
    shape[0] = graph::tensorType(bias).getNumElements();
    mlir::Value addend = Reshaped(bias, shape);
    if (!addend) return;
    if (load_time_.Contains(bias)) load_time_.Add(addend);
    auto sum = graph::build::op<graph::AddOp>(builder_, op_->getLoc(), result, addend);
    if (mlir::failed(sum)) return;
    convolution.getBiasMutable().clear();
    result.replaceAllUsesExcept(*sum, sum->getDefiningOp());
  }

  bool Bias(llvm::StringRef function, mlir::Value other, mlir::Operation* user) {
    if (function != "add" || !IsChannels(other)) return false;
    if (auto dot = llvm::dyn_cast<graph::DotGeneralOp>(op_)) {
      auto set = [&](mlir::Operation* op) { llvm::cast<graph::DotGeneralOp>(op).getBiasMutable().assign(other); };
      if (dot.getBias() || !StaysWithLibrary(set)) return false;
      set(dot);
      return Replace(user);
    }
    auto convolution = llvm::cast<graph::ConvolutionOp>(op_);
    if (!load_time_.Contains(other)) return false;
    if (convolution.getBias() && !load_time_.Contains(convolution.getBias())) return false;
    auto set = [&](mlir::Operation* op) { llvm::cast<graph::ConvolutionOp>(op).getBiasMutable().assign(other); };
    if (!convolution.getBias() && !StaysWithLibrary(set)) return false;
    mlir::Value bias = Reshaped(other, {graph::tensorType(other).getNumElements()});
    if (convolution.getBias()) bias = Combine<graph::AddOp>(convolution.getBias(), bias);
    if (!bias) return false;
    convolution.getBiasMutable().assign(bias);
    return Replace(user);
  }

  bool BinaryPostOp(llvm::StringRef function, mlir::Value other, mlir::Operation* user) {
    const Broadcast broadcast = BroadcastOf(other, graph::tensorType(op_->getResult(0)), channel());
    if (broadcast == Broadcast::kOther) return false;
    const bool sum = function == "add" && broadcast == Broadcast::kFull && post_ops().empty() && MayOverwrite(other, user);
    return AddPostOp(builder_.getDictionaryAttr(
                         {builder_.getNamedAttr("kind", builder_.getStringAttr(sum ? "sum" : "binary")),
                          builder_.getNamedAttr("function", builder_.getStringAttr(function))}),
                     user, other);
  }

  // Nothing reads `value` after `user`.
  bool MayOverwrite(mlir::Value value, mlir::Operation* user) {
    mlir::Operation* producer = value.getDefiningOp();
    if (producer == nullptr || producer->getBlock() != user->getBlock() || load_time_.Contains(value)) return false;
    if (llvm::isa<graph::ViewInterface>(producer) || llvm::is_contained(op_->getOperands(), value)) return false;
    return llvm::all_of(value.getUsers(), [&](mlir::Operation* other) {
      return other == user || (other->getBlock() == user->getBlock() && other->isBeforeInBlock(user) &&
                               !llvm::isa<graph::ViewInterface>(other));
    });
  }

  // One element a channel of the result (a product has at least two of them, or it is a scalar's matter).
  bool IsChannels(mlir::Value value) {
    mlir::RankedTensorType result = graph::tensorType(op_->getResult(0));
    const Broadcast broadcast = BroadcastOf(value, result, channel());
    return graph::tensorType(value).getNumElements() == result.getDimSize(channel()) &&
           (broadcast == Broadcast::kChannel || (broadcast == Broadcast::kScalar && result.getDimSize(channel()) == 1) ||
            (broadcast == Broadcast::kFull && graph::tensorType(value).getNumElements() == result.getNumElements()));
  }

  mlir::Value Reshaped(mlir::Value value, llvm::ArrayRef<int64_t> shape) {
    if (graph::tensorType(value).getShape() == shape) return value;
    auto type = mlir::RankedTensorType::get(shape, graph::tensorType(value).getElementType());
    auto result = graph::build::op<graph::ReshapeOp>(builder_, value.getLoc(), type, value);
    return mlir::succeeded(result) ? *result : mlir::Value();
  }

  // A new operation that load computes.
  template <typename Op>
  mlir::Value Combine(mlir::Value a, mlir::Value b) {
    if (!a || !b) return nullptr;
    auto result = graph::build::op<Op>(builder_, op_->getLoc(), a, b);
    if (mlir::failed(result)) return nullptr;
    load_time_.Add(*result);
    return *result;
  }

  mlir::Operation* op_;
  LoadTime& load_time_;
  LibraryModel* library_;   // may be null
  mlir::OpBuilder builder_;
};

// A library that takes some post-operations alone.
class FewPostOps : public LibraryModel {
 public:
  explicit FewPostOps(llvm::SmallVector<std::string> takes) : takes_(std::move(takes)) {}

  absl::StatusOr<LibraryAnswer> Ask(mlir::Operation* op, bool) override { return LibraryAnswer{LibraryOf(op)}; }
  std::string LibraryOf(mlir::Operation* op) override {
    bool takes = true;
    if (auto dot = llvm::dyn_cast<graph::DotGeneralOp>(op); dot && dot.getBias()) takes &= Takes("bias");
    if (auto convolution = llvm::dyn_cast<graph::ConvolutionOp>(op); convolution && convolution.getBias()) takes &= Takes("bias");
    if (auto list = op->getAttrOfType<mlir::ArrayAttr>("post_ops")) {
      for (mlir::Attribute entry : list) {
        takes &= Takes(llvm::cast<mlir::StringAttr>(llvm::cast<mlir::DictionaryAttr>(entry).get("function")).getValue());
      }
    }
    return takes ? "few" : "";
  }

 private:
  bool Takes(llvm::StringRef what) const { return llvm::is_contained(takes_, what.str()); }

  llvm::SmallVector<std::string> takes_;
};

class PostOpsPass : public mlir::PassWrapper<PostOpsPass, mlir::OperationPass<mlir::func::FuncOp>> {
 public:
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(PostOpsPass)

  PostOpsPass() = default;
  PostOpsPass(const PostOpsPass& other) : PassWrapper(other), library_(other.library_) {}
  explicit PostOpsPass(LibraryModel* library) : library_(library) {}

  llvm::StringRef getArgument() const override { return "plimsoll-post-ops"; }
  llvm::StringRef getDescription() const override { return "Scale, bias, activation and residual go into contractions"; }

  void runOnOperation() override {
    FewPostOps few(llvm::SmallVector<std::string>(takes_.begin(), takes_.end()));
    LibraryModel* library = takes_.empty() ? library_ : &few;
    LoadTime load_time(getOperation());
    llvm::SmallVector<mlir::Operation*> contractions;
    getOperation()->walk([&](mlir::Operation* op) {
      if (llvm::isa<graph::DotGeneralOp, graph::ConvolutionOp>(op)) contractions.push_back(op);
    });
    for (mlir::Operation* op : contractions) Folder(op, load_time, library).Run();
  }

 private:
  ListOption<std::string> takes_{*this, "takes", llvm::cl::desc("what the library takes: bias, functions; empty: all")};
  LibraryModel* library_ = nullptr;
};

}  // namespace

std::unique_ptr<mlir::Pass> CreatePostOpsPass(LibraryModel* library) { return std::make_unique<PostOpsPass>(library); }
void RegisterPostOpsPass() {
  mlir::registerPass([]() -> std::unique_ptr<mlir::Pass> { return std::make_unique<PostOpsPass>(); });
}

}  // namespace plimsoll::passes
