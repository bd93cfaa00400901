#include "compiler/codegen/cuda/emitter.h"

#include "llvm/IR/IntrinsicsNVPTX.h"

namespace plimsoll::codegen {
using mlir::failure;
using mlir::FailureOr;

SimtEmitter::SimtEmitter(llvm::IRBuilder<>& b, const Region& region, const CudaKernelPlan& plan, const CudaNest& nest,
                         llvm::ArrayRef<llvm::Value*> buffers, llvm::Value* block)
    : Evaluator(own_space_),
      b_(b),
      region_(region),
      plan_(plan),
      nest_(nest),
      buffers_(buffers),
      block_(block),
      own_space_(nest.space) {
  dim_values_.assign(nest.extents.size(), N(0));
  base_ = N(0);
}

mlir::LogicalResult SimtEmitter::Run() {
  switch (nest_.skeleton) {
    case Skeleton::kMap:
      Map();
      break;
    case Skeleton::kTranspose:
      Transpose();
      break;
    default:
      Rows();
  }
  return mlir::failure(failed_);
}

llvm::Value* SimtEmitter::ThreadNumber() {
  return b_.CreateIntrinsic(llvm::Intrinsic::nvvm_read_ptx_sreg_tid_x, {}, {});
}
void SimtEmitter::Barrier() { b_.CreateIntrinsic(llvm::Intrinsic::nvvm_barrier0, {}, {}); }

void SimtEmitter::If(llvm::Value* condition, const std::function<void()>& body) {
  if (!condition) return body();
  llvm::Function* function = b_.GetInsertBlock()->getParent();
  auto* inside = llvm::BasicBlock::Create(b_.getContext(), "then", function);
  auto* after = llvm::BasicBlock::Create(b_.getContext(), "after", function);
  b_.CreateCondBr(condition, inside, after);
  b_.SetInsertPoint(inside);
  Memory saved = memo_;
  body();
  memo_ = std::move(saved);
  b_.CreateBr(after);
  b_.SetInsertPoint(after);
}

void SimtEmitter::Loop(llvm::Value* begin, llvm::Value* end, llvm::Value* step, Values& carried,
                       const std::function<void(llvm::Value*, Values&)>& body) {
  llvm::Function* function = b_.GetInsertBlock()->getParent();
  auto* header = llvm::BasicBlock::Create(b_.getContext(), "loop", function);
  auto* inside = llvm::BasicBlock::Create(b_.getContext(), "body", function);
  auto* exit = llvm::BasicBlock::Create(b_.getContext(), "exit", function);
  llvm::BasicBlock* before = b_.GetInsertBlock();
  b_.CreateBr(header);
  b_.SetInsertPoint(header);
  llvm::PHINode* counter = b_.CreatePHI(begin->getType(), 2);
  counter->addIncoming(begin, before);
  llvm::SmallVector<llvm::PHINode*> phis;
  for (llvm::Value* value : carried) {
    phis.push_back(b_.CreatePHI(value->getType(), 2));
    phis.back()->addIncoming(value, before);
  }
  b_.CreateCondBr(b_.CreateICmpULT(counter, end), inside, exit);
  b_.SetInsertPoint(inside);
  Memory saved = memo_;
  Values next(phis.begin(), phis.end());
  body(counter, next);
  memo_ = std::move(saved);
  counter->addIncoming(b_.CreateAdd(counter, step), b_.GetInsertBlock());
  for (auto [phi, value] : llvm::zip(phis, next)) phi->addIncoming(value, b_.GetInsertBlock());
  b_.CreateBr(header);
  b_.SetInsertPoint(exit);
  carried.assign(phis.begin(), phis.end());
}

FailureOr<Element> SimtEmitter::Apply(mlir::Operation& op, llvm::ArrayRef<Element> operands) {
  Element e;
  Values values;
  for (const Element& operand : operands) {
    if (!operand.value) return failure();
    e.dims |= operand.dims;
    values.push_back(operand.value);
  }
  if (llvm::isa<mlir::arith::TruncFOp>(op) && op.getResult(0).getType().isBF16() && values[0]->getType()->isFloatTy() &&
      plan_.capability >= 80) {
    // One instruction from sm_80 on.
    e.value = b_.CreateBitCast(b_.CreateIntrinsic(llvm::Intrinsic::nvvm_f2bf16_rn, {}, {values[0]}), b_.getInt16Ty());
    return e;
  }
  e.value = EmitBodyOp(b_, op, values, EmitLibdevice);
  if (e.value) return e;
  Fail();
  return failure();
}

Element SimtEmitter::InRange(llvm::ArrayRef<Bound> bounds) {
  auto same = [](const Bound& a, const Bound& b) { return a.index == b.index && a.low == b.low && a.high == b.high; };
  for (const Range& known : shared_.ranges)
    if (llvm::equal(known.bounds, bounds, same)) return known.inside;
  // One answer for all lanes where they do not matter, or where no group of them lies across an end.
  const int dim = nest_.vector_dim;
  const bool uniform = group_lanes_ == 1 || llvm::all_of(bounds, [&](const Bound& bound) {
                         if (!(space_.Dims(bound.index) & Bit(dim))) return true;
                         const Index from = space_.Add(bound.index, Index(-bound.low));
                         return (bound.high - bound.low) % group_lanes_ == 0 &&
                                AccessWidth(space_, from, dim, group_lanes_, 1, 16) == group_lanes_;
                       });
  llvm::Value* here = dim < 0 ? nullptr : dim_values_[dim];
  if (uniform && dim >= 0) dim_values_[dim] = base_;
  Element e;
  for (const Bound& bound : bounds) {
    llvm::Value* index = IndexValue(bound.index, NeedsWide(bound.index));
    // One unsigned comparison sees both ends.
    if (bound.low != 0) index = b_.CreateSub(index, llvm::ConstantInt::getSigned(index->getType(), bound.low));
    e.value = And(e.value, b_.CreateICmpULT(index, llvm::ConstantInt::get(index->getType(), bound.high - bound.low)));
    e.dims |= space_.Dims(bound.index);
  }
  if (dim >= 0) dim_values_[dim] = here;
  if (uniform) shared_.ranges.push_back({{bounds.begin(), bounds.end()}, e});
  return e;
}

Element SimtEmitter::Select(const Element& condition, const Element& on_true, const Element& on_false) {
  Element e;
  e.dims = condition.dims | on_true.dims | on_false.dims;
  e.value = b_.CreateSelect(condition.value, on_true.value, on_false.value);
  return e;
}

Element SimtEmitter::Materialize(const Index& index, mlir::Type type) {
  Element e;
  e.dims = space_.Dims(index);
  e.value = b_.CreateSExt(IndexValue(index, NeedsWide(index)), b_.getInt64Ty());  // an index is i64
  return e;
}

FailureOr<Element> SimtEmitter::Reduction(mlir::linalg::LinalgOp op, unsigned result, llvm::ArrayRef<Index> at,
                                          int mask) {
  for (const Row& row : rows_)
    if (row.op == op && llvm::ArrayRef<Index>(row.at) == at) return row.results[result];
  Fail();
  return failure();
}

void SimtEmitter::ForLanes(int lanes, const std::function<void(int)>& visit) {
  const int dim = nest_.vector_dim;
  group_lanes_ = lanes;
  base_ = dim < 0 ? N(0) : dim_values_[dim];
  for (lane_ = 0; lane_ < lanes; ++lane_) {
    llvm::Value* value = lane_ == 0 ? base_ : b_.CreateAdd(base_, N(lane_));
    if (slot_) {
      std::swap(memo_, slot_->memory[lane_]);
      if (dim >= 0) dim_values_[dim] = value;
      visit(lane_);
      std::swap(memo_, slot_->memory[lane_]);
    } else {
      if (dim >= 0 && lane_ > 0) SetDim(dim, value);
      visit(lane_);
    }
  }
  lane_ = 0;
  group_lanes_ = 1;
  if (dim < 0) return;
  if (slot_)
    dim_values_[dim] = base_;
  else if (lanes > 1)
    SetDim(dim, base_);
}

void SimtEmitter::Group(int lanes, llvm::Value* valid) {
  llvm::SmallVector<Values> values(nest_.roots.size());
  ForLanes(lanes, [&](int) {
    for (size_t i = 0; i < nest_.roots.size(); ++i) {
      const Root& root = nest_.roots[i];
      if (root.of_row) continue;
      auto element = Eval(root.tensor, RootIndex(space_, nest_, root));
      if (mlir::failed(element)) return Fail();
      values[i].push_back(element->value);
    }
  });
  if (failed_) return;
  If(valid, [&] {
    for (size_t i = 0; i < nest_.roots.size(); ++i) {
      const Root& root = nest_.roots[i];
      if (root.of_row) continue;
      Index address(root.base);
      for (auto [index, stride] : llvm::zip(RootIndex(space_, nest_, root), root.strides))
        address = space_.Add(address, space_.Scale(index, stride));
      const unsigned number = region_.body->getNumArguments() + root.result;
      llvm::Type* type = ScalarType(ElementOf(root.tensor), b_.getContext());
      int64_t stride = 0;
      const bool linear = nest_.vector_dim < 0 || space_.Stride(address, nest_.vector_dim, &stride);
      const int width = AccessWidth(space_, address, nest_.vector_dim, lanes, BytesOf(ElementOf(root.tensor)),
                                    plan_.alignments[number]);
      for (int lane = 0; lane < lanes; lane += width) {
        Index from = address;
        if (linear)
          from.constant += lane * stride;
        else
          dim_values_[nest_.vector_dim] = b_.CreateAdd(base_, N(lane));
        StoreElements(At(buffers_[number], type, from), type,
                      llvm::ArrayRef<llvm::Value*>(values[i]).slice(lane, width));
      }
      if (!linear) dim_values_[nest_.vector_dim] = base_;
    }
  });
}

}  // namespace plimsoll::codegen
