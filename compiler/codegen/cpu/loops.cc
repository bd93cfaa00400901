// The loops of a nest: tiles, dims within a tile, lanes, and the passes over the reduced dims.
#include "compiler/codegen/cpu/emitter.h"

namespace plimsoll::codegen {

void NestEmitter::Loop(int dim, llvm::Value* low, llvm::Value* high, int64_t step, Values& carried, const std::function<void(Values&)>& body) {
  llvm::LLVMContext& context = b_.getContext();
  llvm::Function* function = current_->getParent();
  auto* header = llvm::BasicBlock::Create(context, "loop", function);
  auto* inside = llvm::BasicBlock::Create(context, "body", function);
  auto* exit = llvm::BasicBlock::Create(context, "exit", function);
  b_.SetInsertPoint(current_);
  llvm::Instruction* jump = b_.CreateBr(header);
  llvm::BasicBlock* before = current_;
  b_.SetInsertPoint(header);
  llvm::PHINode* counter = b_.CreatePHI(b_.getInt64Ty(), 2);
  counter->addIncoming(low, before);
  llvm::SmallVector<llvm::PHINode*> phis;
  for (llvm::Value* value : carried) {
    phis.push_back(b_.CreatePHI(value->getType(), 2));
    phis.back()->addIncoming(value, before);
  }
  b_.CreateCondBr(b_.CreateICmpSLT(counter, high), inside, exit);
  b_.SetInsertPoint(inside);
  jumps_.push_back(jump);
  current_ = inside;
  if (dim >= 0) SetDim(dim, counter);
  Values next(phis.begin(), phis.end());
  if (dim >= 0) {
    body(next);
  } else {
    next.push_back(counter);
    body(next);
    next.pop_back();
  }
  b_.SetInsertPoint(current_);
  counter->addIncoming(b_.CreateNSWAdd(counter, I64(step)), current_);
  for (auto [phi, value] : llvm::zip(phis, next)) phi->addIncoming(value, current_);
  b_.CreateBr(header);
  jumps_.pop_back();
  if (dim >= 0) Forget(Bit(dim));
  current_ = exit;
  carried.assign(phis.begin(), phis.end());
}

void NestEmitter::VectorLoop(llvm::Value* low, llvm::Value* high, Values& carried, const std::function<void(Values&)>& body) {
  const int dim = nest_.vector_dim, lanes = nest_.lanes;
  const int64_t extent = nest_.extents[dim], rest = extent % lanes;
  if (lanes == 1) return Loop(dim, low, high, 1, carried, body);
  // Blocks start at multiples of `lanes`: only the last one has a tail, whose size is known.
  auto* first = llvm::dyn_cast<llvm::ConstantInt>(low);
  auto* last = llvm::dyn_cast<llvm::ConstantInt>(high);
  const bool whole = first && last && first->isZero() && last->getSExtValue() == extent;
  b_.SetInsertPoint(current_);
  llvm::Value* full_end = high;
  if (rest != 0) full_end = whole ? static_cast<llvm::Value*>(I64(extent - rest)) : b_.CreateAnd(high, b_.CreateNot(I64(lanes - 1)));
  if (!whole || extent >= lanes) Loop(dim, low, full_end, lanes, carried, body);
  if (rest == 0) return;

  llvm::LLVMContext& context = b_.getContext();
  llvm::Function* function = current_->getParent();
  auto* tail = llvm::BasicBlock::Create(context, "tail", function);
  auto* after = llvm::BasicBlock::Create(context, "after", function);
  b_.SetInsertPoint(current_);
  llvm::BasicBlock* before = current_;
  llvm::Instruction* jump = whole ? b_.CreateBr(tail) : b_.CreateCondBr(b_.CreateICmpSLT(full_end, high), tail, after);
  jumps_.push_back(jump);
  current_ = tail;
  SetDim(dim, full_end);
  llvm::SmallVector<llvm::Constant*> mask;
  for (int lane = 0; lane < lanes; ++lane) mask.push_back(b_.getInt1(lane < rest));
  tail_mask_ = llvm::ConstantVector::get(mask);
  Values next = carried;
  body(next);
  tail_mask_ = nullptr;
  b_.SetInsertPoint(current_);
  b_.CreateBr(after);
  jumps_.pop_back();
  Forget(Bit(dim));
  if (!whole) {
    b_.SetInsertPoint(after);
    for (auto [old, value] : llvm::zip(carried, next)) {
      llvm::PHINode* phi = b_.CreatePHI(value->getType(), 2);
      phi->addIncoming(old, before);
      phi->addIncoming(value, current_);
      old = phi;
    }
  } else {
    carried = next;
  }
  current_ = after;
}

void NestEmitter::ReducedLoops(llvm::ArrayRef<int> dims, Values& carried, const std::function<void(Values&)>& body) {
  if (dims.empty()) return body(carried);
  auto rest = [&](Values& inner) { ReducedLoops(dims.drop_front(), inner, body); };
  if (dims[0] == nest_.vector_dim) return VectorLoop(I64(0), I64(nest_.extents[dims[0]]), carried, rest);
  Loop(dims[0], I64(0), I64(nest_.extents[dims[0]]), 1, carried, rest);
}

void NestEmitter::FinishReduction(const ReductionInstance& instance, llvm::ArrayRef<llvm::Value*> lanes, llvm::SmallVectorImpl<llvm::Value*>& results) {
  results.assign(lanes.begin(), lanes.end());
  if (!lanes[0]->getType()->isVectorTy() || IsVector(~nest_.reduced)) return;
  mlir::linalg::LinalgOp op = instance.op;
  mlir::Operation* combiner = op.getBlock()->getTerminator()->getOperand(0).getDefiningOp();
  llvm::Value* x = lanes[0];
  At(static_cast<int>(jumps_.size()));
  if (lanes.size() == 1 && combiner) {
    llvm::FastMathFlags any_order;
    any_order.setAllowReassoc();
    llvm::IRBuilder<>::FastMathFlagGuard guard(b_);
    namespace arith = mlir::arith;
    llvm::Type* scalar = x->getType()->getScalarType();
    llvm::Value* result = llvm::TypeSwitch<mlir::Operation*, llvm::Value*>(combiner)
        .Case([&](arith::AddFOp) { b_.setFastMathFlags(any_order); return b_.CreateFAddReduce(llvm::ConstantFP::getNegativeZero(scalar), x); })
        .Case([&](arith::MulFOp) { b_.setFastMathFlags(any_order); return b_.CreateFMulReduce(llvm::ConstantFP::get(scalar, 1), x); })
        .Case([&](arith::AddIOp) { return b_.CreateAddReduce(x); })
        .Case([&](arith::MulIOp) { return b_.CreateMulReduce(x); })
        .Case([&](arith::AndIOp) { return b_.CreateAndReduce(x); })
        .Case([&](arith::OrIOp) { return b_.CreateOrReduce(x); })
        .Case([&](arith::MaxSIOp) { return b_.CreateIntMaxReduce(x, true); })
        .Case([&](arith::MaxUIOp) { return b_.CreateIntMaxReduce(x, false); })
        .Case([&](arith::MinSIOp) { return b_.CreateIntMinReduce(x, true); })
        .Case([&](arith::MinUIOp) { return b_.CreateIntMinReduce(x, false); })
        .Default([](mlir::Operation*) { return nullptr; });
    if (result) {
      results[0] = result;
      return;
    }
  }
  // Any other combiner: halves are combined by the body itself, which takes the accumulated values (and, for arg_reduce, the
  // index that came with them) as its input.
  const int width = nest_.lanes;
  for (int half = width / 2; half >= 1; half /= 2) {
    llvm::SmallVector<int> low, high;
    for (int lane = 0; lane < half; ++lane) low.push_back(lane), high.push_back(lane + half);
    llvm::SmallVector<Element> arguments;
    Element index;
    auto part = [&](llvm::Value* value, llvm::ArrayRef<int> which) {
      Element e;
      e.dims = kRow;
      e.value = half == 1 ? b_.CreateExtractElement(value, which[0]) : b_.CreateShuffleVector(value, which);
      return e;
    };
    arguments.push_back(part(results[0], high));
    if (results.size() > 1) index = part(results[1], high);
    for (llvm::Value* value : results) arguments.push_back(part(value, low));
    // Splats must have the width at hand.
    const int saved = nest_.lanes;
    nest_.lanes = half;
    auto yields = Inline(op, arguments, instance.bind, 0, results.size() > 1 ? &index : nullptr);
    nest_.lanes = saved;
    if (mlir::failed(yields)) return Fail();
    for (auto [result, element] : llvm::zip(results, *yields)) result = element.value;
    At(static_cast<int>(jumps_.size()));
  }
}

// The first pass over a row waits for memory while the later ones compute: these fetch the next row.
void NestEmitter::PrefetchNextRow() {
  if (nest_.tile_dims.empty() || tail_mask_ || !(nest_.reduced & Bit(nest_.vector_dim))) return;
  llvm::SmallVector<const Access*> done;
  for (const Access& access : nest_.accesses) {
    if (!access.source || access.store || !llvm::isa<mlir::BlockArgument>(access.source)) continue;
    int64_t step, row;
    if (VariesByLane(access.address, &step) || step != 1) continue;
    if (!space_.Stride(access.address, nest_.tile_dims.back(), &row) || row <= 0 || row * access.bytes > (1 << 19)) continue;
    bool known = true;
    for (auto [number, c] : access.address.terms) known &= space_.atom(number).kind == IndexSpace::Atom::DIM;
    if (!known || llvm::any_of(done, [&](const Access* other) { return other->source == access.source && other->address == access.address; })) continue;
    done.push_back(&access);
    llvm::Value* offset = Offset(access.address);
    b_.SetInsertPoint(current_);
    llvm::Value* bytes = b_.CreateMul(b_.CreateAdd(offset, I64(row)), I64(access.bytes));
    for (int64_t at = 0; at < int64_t{nest_.lanes} * access.bytes; at += 64) {
      llvm::Value* pointer = b_.CreateGEP(b_.getInt8Ty(), Pointer(access.source), b_.CreateAdd(bytes, I64(at)));
      b_.CreateIntrinsic(llvm::Intrinsic::prefetch, {pointer->getType()}, {pointer, b_.getInt32(0), b_.getInt32(3), b_.getInt32(1)});
    }
  }
}

void NestEmitter::Pass(int pass) {
  pass_ = pass;
  llvm::SmallVector<size_t> instances;
  Values carried;
  for (size_t i = 0; i < nest_.reductions.size(); ++i) {
    const ReductionInstance& instance = nest_.reductions[i];
    if (instance.pass != pass) continue;
    instances.push_back(i);
    mlir::linalg::LinalgOp op = instance.op;
    for (mlir::Value init : op.getDpsInits()) {
      std::vector<Index> nowhere(ShapeOf(init).size());
      auto element = Eval(init, nowhere);  // inits are fills
      if (mlir::failed(element)) return Fail();
      llvm::Value* value = element->value;
      b_.SetInsertPoint(current_);
      if (nest_.lanes > 1 && nest_.vector_dim >= 0) value = Splat(value);
      carried.push_back(value);
    }
  }
  const bool stores = pass + 1 == nest_.passes && llvm::any_of(nest_.roots, [](const Root& root) { return !root.of_row; });
  if (instances.empty() && !stores) return;
  llvm::SmallVector<int> dims;
  bool empty = false;
  for (int d = 0; d < static_cast<int>(nest_.extents.size()); ++d)
    if (nest_.reduced & Bit(d)) {
      empty |= nest_.extents[d] == 0;
      if (d != nest_.vector_dim) dims.push_back(d);
    }
  if (nest_.vector_dim >= 0 && (nest_.reduced & Bit(nest_.vector_dim))) dims.push_back(nest_.vector_dim);
  if (!empty) {
    ReducedLoops(dims, carried, [&](Values& values) {
      if (pass == 1 && nest_.vector_dim >= 0) PrefetchNextRow();
      size_t next = 0;
      for (size_t i : instances) {
        const ReductionInstance& instance = nest_.reductions[i];
        mlir::linalg::LinalgOp op = instance.op;
        auto inputs = Inputs(op, instance.bind, 0);
        if (mlir::failed(inputs)) return Fail();
        llvm::SmallVector<Element> arguments = *inputs;
        const DimSet here = (DimSet{1} << nest_.extents.size()) - 1;  // changes in every step
        for (size_t k = 0; k < op.getDpsInits().size(); ++k) {
          Element e;
          e.value = values[next + k];
          e.dims = here | kRow;
          arguments.push_back(e);
        }
        auto yields = Inline(op, arguments, instance.bind, 0);
        if (mlir::failed(yields)) return Fail();
        b_.SetInsertPoint(current_);
        for (const Element& element : *yields) {
          llvm::Value*& value = values[next++];
          llvm::Value* updated = value->getType()->isVectorTy() ? Splat(element.value) : element.value;
          // Lanes past the end keep what they have. (Lanes of other rows may hold anything.)
          value = tail_mask_ && (nest_.reduced & Bit(nest_.vector_dim)) ? b_.CreateSelect(tail_mask_, updated, value) : updated;
        }
      }
      if (stores) StoreRoots(/*of_row=*/false);
    });
  }
  size_t next = 0;
  for (size_t i : instances) {
    const ReductionInstance& instance = nest_.reductions[i];
    const size_t count = mlir::linalg::LinalgOp(instance.op).getDpsInits().size();
    llvm::SmallVector<llvm::Value*> results;
    b_.SetInsertPoint(current_);
    FinishReduction(instance, llvm::ArrayRef<llvm::Value*>(carried).slice(next, count), results);
    next += count;
    Row row{instance.op, instance.at, {}};
    for (llvm::Value* value : results) {
      Element e;
      e.value = value;
      e.dims = kRow;
      for (const Index& index : instance.at) e.dims |= space_.Dims(index);
      // A vector of rows even where the index does not say so.
      if (value->getType()->isVectorTy()) e.dims |= Bit(nest_.vector_dim);
      row.results.push_back(e);
    }
    rows_.push_back(std::move(row));
  }
}

void NestEmitter::Passes() {
  rows_.clear();
  Forget(kRow);
  row_level_ = static_cast<int>(jumps_.size());
  for (auto& [tensor, cache] : caches_) cache.written = false;
  for (int pass = 0; pass < nest_.passes; ++pass) Pass(pass);
  pass_ = nest_.passes;
  StoreRoots(/*of_row=*/true);
}

void NestEmitter::InnerLoops(size_t number, llvm::Value* low, llvm::Value* high) {
  Values none;
  if (number < nest_.inner_dims.size()) {
    const int dim = nest_.inner_dims[number];
    return Loop(dim, I64(0), I64(nest_.extents[dim]), 1, none, [&](Values&) { InnerLoops(number + 1, low, high); });
  }
  if (!low) return Passes();
  VectorLoop(low, high, none, [&](Values&) { Passes(); });
}

void NestEmitter::Tile(llvm::Value* tile) {
  llvm::Value* rest = tile;
  b_.SetInsertPoint(current_);
  llvm::Value *low = nullptr, *high = nullptr;
  const bool across = nest_.vector_dim >= 0 && !(nest_.reduced & Bit(nest_.vector_dim));
  auto take = [&](int64_t extent, bool last) {
    if (last) return rest;
    llvm::Value* index = b_.CreateURem(rest, I64(extent));
    rest = b_.CreateUDiv(rest, I64(extent));
    return index;
  };
  // Blocks of the vector dim are innermost.
  if (across) {
    const int64_t extent = nest_.extents[nest_.vector_dim], blocks = (extent + nest_.vector_block - 1) / nest_.vector_block;
    if (blocks == 1) {
      low = I64(0), high = I64(extent);
    } else {
      llvm::Value* block = take(blocks, nest_.tile_dims.empty());
      low = b_.CreateMul(block, I64(nest_.vector_block));
      high = b_.CreateBinaryIntrinsic(llvm::Intrinsic::umin, b_.CreateAdd(low, I64(nest_.vector_block)), I64(extent));
    }
  }
  for (size_t i = nest_.tile_dims.size(); i-- > 0;) {
    llvm::Value* value = take(nest_.extents[nest_.tile_dims[i]], i == 0);
    SetDim(nest_.tile_dims[i], value);
    b_.SetInsertPoint(current_);
  }
  if (nest_.block_dim >= 0) return TransposedBlocks(low, high);
  InnerLoops(0, low, high);
}

mlir::LogicalResult NestEmitter::Run(llvm::Value* begin, llvm::Value* end) {
  current_ = b_.GetInsertBlock();
  for (size_t d = 0; d < nest_.extents.size(); ++d) SetDim(static_cast<int>(d), I64(0));
  Values none;
  Loop(-1, begin, end, 1, none, [&](Values& values) {
    Forget(~DimSet{0});
    Tile(values.back());
  });
  b_.SetInsertPoint(current_);
  return mlir::failure(failed_);
}

}  // namespace plimsoll::codegen
