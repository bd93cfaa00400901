#include "compiler/codegen/evaluator.h"

namespace plimsoll::codegen {
using mlir::failure;
using mlir::FailureOr;
namespace arith = mlir::arith;
namespace tensor = mlir::tensor;
namespace linalg = mlir::linalg;

bool IsReduction(linalg::LinalgOp op) { return op.getNumReductionLoops() > 0; }

void Evaluator::Forget(DimSet dims) {
  for (auto& [tensor, entries] : memo_) llvm::erase_if(entries, [&](const Memo& m) { return (m.element.dims & dims) != 0; });
}

FailureOr<Element> Evaluator::Eval(mlir::Value tensor, llvm::ArrayRef<Index> at, int mask) {
  for (const Memo& memo : memo_[tensor])
    if (memo.mask == mask && llvm::ArrayRef<Index>(memo.at) == at) return memo.element;
  FailureOr<Element> element = EvalUncached(tensor, at, mask);
  if (mlir::succeeded(element)) memo_[tensor].push_back(Memo{tensor, mask, {at.begin(), at.end()}, *element});
  return element;
}

Index Evaluator::Affine(mlir::AffineExpr expression, llvm::ArrayRef<Index> dims) {
  if (auto dim = llvm::dyn_cast<mlir::AffineDimExpr>(expression)) return dims[dim.getPosition()];
  if (auto constant = llvm::dyn_cast<mlir::AffineConstantExpr>(expression)) return Index(constant.getValue());
  auto binary = llvm::cast<mlir::AffineBinaryOpExpr>(expression);
  const Index lhs = Affine(binary.getLHS(), dims), rhs = Affine(binary.getRHS(), dims);
  switch (expression.getKind()) {
    case mlir::AffineExprKind::Add: return space_.Add(lhs, rhs);
    case mlir::AffineExprKind::Mul: return rhs.IsConstant() ? space_.Scale(lhs, rhs.constant) : space_.Scale(rhs, lhs.constant);
    case mlir::AffineExprKind::FloorDiv: return space_.FloorDiv(lhs, rhs.constant);
    default: return space_.Mod(lhs, rhs.constant);
  }
}

FailureOr<std::vector<Index>> Evaluator::Bind(linalg::LinalgOp op, unsigned number, llvm::ArrayRef<Index> at) {
  std::vector<Index> bind(op.getNumLoops());
  mlir::AffineMap map = op.getMatchingIndexingMap(op.getDpsInitOperand(number));
  for (auto [expression, index] : llvm::zip(map.getResults(), at)) {
    if (auto dim = llvm::dyn_cast<mlir::AffineDimExpr>(expression)) bind[dim.getPosition()] = index;
    else if (!llvm::isa<mlir::AffineConstantExpr>(expression)) return failure();
  }
  return bind;
}

FailureOr<llvm::SmallVector<Element>> Evaluator::Inputs(linalg::LinalgOp op, llvm::ArrayRef<Index> bind, int mask) {
  llvm::SmallVector<Element> inputs;
  for (mlir::OpOperand* operand : op.getDpsInputOperands()) {
    if (!op.payloadUsesValueFromOperand(operand)) {
      inputs.emplace_back();
      continue;
    }
    if (!llvm::isa<mlir::RankedTensorType>(operand->get().getType())) {
      auto element = EvalScalar(operand->get(), mask);
      if (mlir::failed(element)) return failure();
      inputs.push_back(*element);
      continue;
    }
    std::vector<Index> at;
    for (mlir::AffineExpr expression : op.getMatchingIndexingMap(operand).getResults()) at.push_back(Affine(expression, bind));
    auto element = Eval(operand->get(), at, mask);
    if (mlir::failed(element)) return failure();
    inputs.push_back(*element);
  }
  return inputs;
}

FailureOr<Element> Evaluator::EvalScalar(mlir::Value scalar, int mask) {
  mlir::Operation* op = scalar.getDefiningOp();
  if (!op) return failure();
  if (llvm::isa<arith::ConstantOp>(op)) {
    if (auto fold = FoldIndex(*op, {})) return *fold;
    return Apply(*op, {});
  }
  if (auto extract = llvm::dyn_cast<tensor::ExtractOp>(op)) {
    std::vector<Index> at;
    for (mlir::Value index : extract.getIndices()) {
      auto element = EvalScalar(index, mask);
      if (mlir::failed(element)) return failure();
      at.push_back(ToIndex(*element));
    }
    return Eval(extract.getTensor(), at, mask);
  }
  return failure();
}

FailureOr<Element> Evaluator::EvalUncached(mlir::Value value, llvm::ArrayRef<Index> at, int mask) {
  auto shape = ShapeOf(value);
  mlir::Operation* op = value.getDefiningOp();
  if (!op) return Load(value, space_.Linearize(at, shape), mask);
  if (auto constant = llvm::dyn_cast<arith::ConstantOp>(op)) {
    if (llvm::cast<mlir::DenseElementsAttr>(constant.getValue()).isSplat()) return Apply(*op, {});
    return Load(value, space_.Linearize(at, shape), mask);
  }
  if (llvm::isa<tensor::ExpandShapeOp, tensor::CollapseShapeOp>(op)) {
    mlir::Value source = op->getOperand(0);
    return Eval(source, space_.Delinearize(space_.Linearize(at, shape), ShapeOf(source)), mask);
  }
  if (auto slice = llvm::dyn_cast<tensor::ExtractSliceOp>(op)) {
    if (slice.getSourceType().getRank() != static_cast<int64_t>(at.size())) return failure();
    std::vector<Index> from;
    for (auto [index, offset, stride] : llvm::zip(at, slice.getStaticOffsets(), slice.getStaticStrides()))
      from.push_back(space_.Add(space_.Scale(index, stride), Index(offset)));
    return Eval(slice.getSource(), from, mask);
  }
  if (auto fill = llvm::dyn_cast<linalg::FillOp>(op)) return EvalScalar(fill.getInputs()[0], mask);
  if (auto pad = llvm::dyn_cast<tensor::PadOp>(op)) {
    mlir::Value source = pad.getSource();
    auto outside = EvalScalar(pad.getConstantPaddingValue(), mask);
    if (mlir::failed(outside)) return failure();
    std::vector<Index> from;
    llvm::SmallVector<Bound> bounds;
    for (auto [index, low, extent] : llvm::zip(at, pad.getStaticLow(), ShapeOf(source))) {
      from.push_back(space_.Add(index, Index(-low)));
      auto [least, most] = space_.Range(from.back());
      if (least < 0 || most >= extent) bounds.push_back({from.back(), 0, extent});
    }
    if (bounds.empty()) return Eval(source, from, mask);
    const Element inside = InRange(bounds);
    masks_.push_back(mask ? Select(masks_[mask], inside, masks_[mask]) : inside);
    auto element = Eval(source, from, static_cast<int>(masks_.size()) - 1);
    if (mlir::failed(element)) return failure();
    return Select(inside, *element, *outside);
  }
  if (auto concat = llvm::dyn_cast<tensor::ConcatOp>(op)) {
    std::optional<Element> result;
    int64_t begin = ShapeOf(value)[concat.getDim()];
    for (mlir::Value part : llvm::reverse(concat.getInputs())) {
      const int64_t extent = ShapeOf(part)[concat.getDim()];
      begin -= extent;
      if (extent == 0) continue;
      std::vector<Index> from(at.begin(), at.end());
      from[concat.getDim()] = space_.Add(at[concat.getDim()], Index(-begin));
      auto [least, most] = space_.Range(from[concat.getDim()]);
      if (most < 0 || least >= extent) continue;
      const bool partial = least < 0 || most >= extent;
      Element inside;
      int inner = mask;
      if (partial) {
        inside = InRange({Bound{from[concat.getDim()], 0, extent}});
        masks_.push_back(mask ? Select(masks_[mask], inside, masks_[mask]) : inside);
        inner = static_cast<int>(masks_.size()) - 1;
      }
      auto element = Eval(part, from, inner);
      if (mlir::failed(element)) return failure();
      result = result && partial ? Select(inside, *element, *result) : *element;
    }
    if (!result) return failure();
    return *result;
  }
  auto generic = llvm::dyn_cast<linalg::LinalgOp>(op);
  if (!generic) return failure();
  const unsigned number = llvm::cast<mlir::OpResult>(value).getResultNumber();
  if (IsReduction(generic)) return Reduction(generic, number, at, mask);
  if (mask == 0)
    if (auto kept = Kept(value, at)) return *kept;
  auto bind = Bind(generic, number, at);
  if (mlir::failed(bind)) return failure();
  auto inputs = Inputs(generic, *bind, mask);
  if (mlir::failed(inputs)) return failure();
  inputs->resize(generic->getNumOperands());  // results are not read
  auto yields = Inline(generic, *inputs, *bind, mask);
  if (mlir::failed(yields)) return failure();
  if (mask == 0) Computed(value, at, (*yields)[number]);
  return (*yields)[number];
}

Index Evaluator::ToIndex(const Element& element) {
  return element.is_index ? element.index : space_.Runtime(Key(element), element.dims);
}

// Arithmetic on indices stays symbolic as long as it is linear.
std::optional<Element> Evaluator::FoldIndex(mlir::Operation& op, llvm::ArrayRef<Element> operands) {
  auto of = [&](const Index& index, int pass) {
    Element e;
    e.is_index = true;
    e.index = index;
    e.dims = space_.Dims(index);
    e.pass = pass;
    return e;
  };
  if (op.getNumResults() != 1 || !op.getResult(0).getType().isIndex()) return std::nullopt;
  if (auto constant = llvm::dyn_cast<arith::ConstantIndexOp>(op)) return of(Index(constant.value()), 0);
  if (operands.size() != 2 || !operands[0].is_index || !operands[1].is_index) return std::nullopt;
  const Index &a = operands[0].index, &b = operands[1].index;
  const int pass = std::max(operands[0].pass, operands[1].pass);
  if (llvm::isa<arith::AddIOp>(op)) return of(space_.Add(a, b), pass);
  if (llvm::isa<arith::SubIOp>(op)) return of(space_.Add(a, space_.Scale(b, -1)), pass);
  if (llvm::isa<arith::MulIOp>(op) && b.IsConstant()) return of(space_.Scale(a, b.constant), pass);
  if (llvm::isa<arith::MulIOp>(op) && a.IsConstant()) return of(space_.Scale(b, a.constant), pass);
  if (b.IsConstant() && b.constant > 0 && space_.Range(a).first >= 0) {
    if (llvm::isa<arith::DivUIOp, arith::DivSIOp, arith::FloorDivSIOp>(op)) return of(space_.FloorDiv(a, b.constant), pass);
    if (llvm::isa<arith::RemUIOp, arith::RemSIOp>(op)) return of(space_.Mod(a, b.constant), pass);
  }
  return std::nullopt;
}

FailureOr<llvm::SmallVector<Element>> Evaluator::Inline(linalg::LinalgOp op, llvm::ArrayRef<Element> arguments, llvm::ArrayRef<Index> bind,
                                                        int mask, const Element* index_override) {
  llvm::DenseMap<mlir::Value, Element> values;
  for (auto [argument, element] : llvm::zip(op.getBlock()->getArguments(), arguments)) values[argument] = element;
  auto lookup = [&](mlir::Value value) -> FailureOr<Element> {
    if (auto it = values.find(value); it != values.end()) return it->second;
    auto element = EvalScalar(value, mask);  // hoisted out of the body
    if (mlir::succeeded(element)) values[value] = *element;
    return element;
  };
  for (mlir::Operation& inner : op.getBlock()->without_terminator()) {
    if (auto index = llvm::dyn_cast<linalg::IndexOp>(inner)) {
      Element e;
      if (index_override) {
        e = *index_override;
      } else {
        e.is_index = true;
        e.index = bind[index.getDim()];
        e.dims = space_.Dims(e.index);
      }
      values[index] = e;
      continue;
    }
    llvm::SmallVector<Element> operands;
    for (mlir::Value value : inner.getOperands()) {
      if (llvm::isa<mlir::RankedTensorType>(value.getType())) continue;
      auto element = lookup(value);
      if (mlir::failed(element)) return failure();
      operands.push_back(*element);
    }
    if (auto extract = llvm::dyn_cast<tensor::ExtractOp>(inner)) {
      std::vector<Index> at;
      int pass = 0;
      for (const Element& element : operands) {
        at.push_back(ToIndex(element));
        pass = std::max(pass, element.pass);
      }
      auto element = Eval(extract.getTensor(), at, mask);
      if (mlir::failed(element)) return failure();
      element->pass = std::max(element->pass, pass);
      values[extract] = *element;
      continue;
    }
    if (auto fold = FoldIndex(inner, operands)) {
      values[inner.getResult(0)] = *fold;
      continue;
    }
    for (auto [element, value] : llvm::zip(operands, inner.getOperands()))
      if (element.is_index) element = Materialize(element.index, value.getType());
    auto result = Apply(inner, operands);
    if (mlir::failed(result)) return failure();
    values[inner.getResult(0)] = *result;
  }
  llvm::SmallVector<Element> yields;
  for (mlir::Value value : op.getBlock()->getTerminator()->getOperands()) {
    auto element = lookup(value);
    if (mlir::failed(element)) return failure();
    if (element->is_index) *element = Materialize(element->index, value.getType());
    yields.push_back(*element);
  }
  return yields;
}

}  // namespace plimsoll::codegen
