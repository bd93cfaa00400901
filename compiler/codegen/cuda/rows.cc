// Rows that are reduced: passes over the columns, each followed by an exchange between the threads that share the row.
#include "compiler/codegen/cuda/emitter.h"
#include "llvm/IR/IntrinsicsNVPTX.h"

namespace plimsoll::codegen {
namespace {
constexpr int kWarp = 32;
}

SimtEmitter::Thread SimtEmitter::TakeRow() {
  Thread thread{};
  llvm::Value *number = ThreadNumber(), *block = Cast(block_, nest_.wide);
  int64_t rows_of_block = 1;
  thread.number = number;
  thread.row = block;
  switch (nest_.skeleton) {
    case Skeleton::kRow: {
      const int threads = nest_.threads_per_row;
      rows_of_block = plan_.threads / threads;
      if (rows_of_block == 1) break;
      thread.number = b_.CreateAnd(number, threads - 1);
      thread.row = b_.CreateAdd(b_.CreateMul(block, N(rows_of_block)),
                                Cast(b_.CreateUDiv(number, b_.getInt32(threads)), nest_.wide));
      break;
    }
    case Skeleton::kColumn:
      rows_of_block = kWarp;
      thread.number = b_.CreateLShr(number, 5);
      thread.row = b_.CreateAdd(b_.CreateMul(block, N(kWarp)), Cast(b_.CreateAnd(number, kWarp - 1), nest_.wide));
      break;
    default:
      rows_of_block = plan_.threads;
      thread.number = nullptr;
      thread.row = b_.CreateAdd(b_.CreateMul(block, N(plan_.threads)), Cast(number, nest_.wide));
  }
  // All threads go through the exchanges: those past the end compute the last row again and store nothing.
  if (nest_.rows % rows_of_block != 0) {
    thread.valid = b_.CreateICmpULT(thread.row, N(nest_.rows));
    thread.row = b_.CreateBinaryIntrinsic(llvm::Intrinsic::umin, thread.row, N(nest_.rows - 1));
  }
  if (thread.number) thread.first = b_.CreateICmpEQ(thread.number, b_.getInt32(0));
  return thread;
}

void SimtEmitter::LoopedColumns(const Thread& thread, Values& carried,
                                const std::function<void(llvm::Value*, Values&)>& body) {
  llvm::Value* begin = thread.number ? Cast(thread.number, nest_.wide) : N(0);
  int64_t step = 1;
  if (nest_.skeleton == Skeleton::kRow) step = nest_.threads_per_row;
  if (nest_.skeleton == Skeleton::kColumn) step = plan_.threads / kWarp;
  Loop(begin, N(nest_.columns / nest_.lanes), N(step), carried, [&](llvm::Value* position, Values& values) {
    SetDims(nest_.columns_order, position, nest_.lanes);
    shared_ = {};
    body(nullptr, values);
  });
}

// Straight-line code: what a column's values were in one pass is there in the next.
void SimtEmitter::HeldColumns(const Thread& thread, Values& carried,
                              const std::function<void(llvm::Value*, Values&)>& body) {
  if (held_.empty()) {
    const int64_t count = nest_.columns / nest_.lanes;
    for (int64_t chunk = 0; chunk < nest_.chunks; ++chunk) {
      Held& held = held_.emplace_back();
      llvm::Value* position = b_.CreateAdd(Cast(thread.number, nest_.wide), N(chunk * nest_.threads_per_row));
      if ((chunk + 1) * nest_.threads_per_row > count) {  // those past the end read the first column
        held.valid = b_.CreateICmpULT(position, N(count));
        position = b_.CreateSelect(held.valid, position, N(0));
      }
      SetDims(nest_.columns_order, position, nest_.lanes);
      held.dims = dim_values_;
      held.memory.assign(nest_.lanes, memo_);
    }
  }
  for (Held& held : held_) {
    dim_values_ = held.dims;
    slot_ = &held;
    std::swap(shared_, held.shared);
    body(held.valid, carried);
    std::swap(shared_, held.shared);
    slot_ = nullptr;
  }
}

void SimtEmitter::Accumulate(llvm::ArrayRef<const ReductionInstance*> instances, llvm::Value* valid, Values& carried) {
  size_t next = 0;
  for (const ReductionInstance* instance : instances) {
    mlir::linalg::LinalgOp op = instance->op;
    auto inputs = Inputs(op, instance->bind, 0);
    if (mlir::failed(inputs)) return Fail();
    llvm::SmallVector<Element> arguments = *inputs;
    for (size_t k = 0; k < op.getDpsInits().size(); ++k) {
      Element e;
      e.value = carried[next + k];
      e.dims = nest_.reduced;
      arguments.push_back(e);
    }
    auto yields = Inline(op, arguments, instance->bind, 0);
    if (mlir::failed(yields)) return Fail();
    for (const Element& element : *yields) {
      carried[next] = valid ? b_.CreateSelect(valid, element.value, carried[next]) : element.value;
      ++next;
    }
  }
}

// The body itself combines two partial results: one is its input (and, where there are two results, the index that came
// with it).
void SimtEmitter::Combine(const ReductionInstance& instance, llvm::MutableArrayRef<llvm::Value*> mine,
                          llvm::ArrayRef<llvm::Value*> others) {
  auto element = [](llvm::Value* value) {
    Element e;
    e.value = value;
    return e;
  };
  llvm::SmallVector<Element> arguments{element(others[0])};
  const Element index = element(others.size() > 1 ? others[1] : nullptr);
  for (llvm::Value* value : mine) arguments.push_back(element(value));
  auto yields = Inline(instance.op, arguments, instance.bind, 0, others.size() > 1 ? &index : nullptr);
  if (mlir::failed(yields)) return Fail();
  for (auto [value, yielded] : llvm::zip(mine, *yields)) value = yielded.value;
}

llvm::Value* SimtEmitter::Shuffle(llvm::Value* value, int offset) {
  llvm::Type* type = value->getType();
  const unsigned bits = type->getScalarSizeInBits();
  auto words = [&](llvm::Value* word) -> llvm::Value* {
    return b_.CreateIntrinsic(llvm::Intrinsic::nvvm_shfl_sync_bfly_i32, {},
                              {b_.getInt32(-1), word, b_.getInt32(offset), b_.getInt32(kWarp - 1)});
  };
  llvm::Value* integer = b_.CreateBitCast(value, b_.getIntNTy(bits));
  if (bits <= 32)
    return b_.CreateBitCast(b_.CreateTrunc(words(b_.CreateZExt(integer, b_.getInt32Ty())), b_.getIntNTy(bits)), type);
  llvm::Value* low = words(b_.CreateTrunc(integer, b_.getInt32Ty()));
  llvm::Value* high = words(b_.CreateTrunc(b_.CreateLShr(integer, 32), b_.getInt32Ty()));
  integer = b_.CreateOr(b_.CreateZExt(low, b_.getInt64Ty()), b_.CreateShl(b_.CreateZExt(high, b_.getInt64Ty()), 32));
  return b_.CreateBitCast(integer, type);
}

void SimtEmitter::AcrossWarp(const ReductionInstance& instance, int width, llvm::MutableArrayRef<llvm::Value*> values) {
  for (int offset = width / 2; offset >= 1; offset /= 2) {
    Values others;
    for (llvm::Value* value : values) others.push_back(Shuffle(value, offset));
    Combine(instance, values, others);
  }
}

namespace {
// Booleans are bytes in memory.
llvm::Type* InMemory(llvm::IRBuilder<>& b, llvm::Type* type) { return type->isIntegerTy(1) ? b.getInt8Ty() : type; }
llvm::Value* Converted(llvm::IRBuilder<>& b, llvm::Value* value, llvm::Type* type) {
  return value->getType() == type ? value : b.CreateZExtOrTrunc(value, type);
}
}  // namespace

void SimtEmitter::AcrossBlock(llvm::ArrayRef<const ReductionInstance*> instances, const Thread& thread,
                              Values& values) {
  const int warps = plan_.threads / kWarp;
  llvm::Value *lane = b_.CreateAnd(thread.number, kWarp - 1), *warp = b_.CreateLShr(thread.number, 5);
  Values arrays;
  for (llvm::Value* value : values) arrays.push_back(SharedArray(InMemory(b_, value->getType()), warps));
  If(b_.CreateICmpEQ(lane, b_.getInt32(0)), [&] {
    for (auto [array, value] : llvm::zip(arrays, values)) {
      llvm::Type* type = InMemory(b_, value->getType());
      b_.CreateStore(Converted(b_, value, type), SharedElement(array, type, warp));
    }
  });
  Barrier();
  llvm::Value* place = b_.CreateAnd(lane, warps - 1);
  for (auto [array, value] : llvm::zip(arrays, values)) {
    llvm::Type* type = InMemory(b_, value->getType());
    value = Converted(b_, b_.CreateLoad(type, SharedElement(array, type, place)), value->getType());
  }
  llvm::MutableArrayRef<llvm::Value*> rest(values);
  for (const ReductionInstance* instance : instances) {
    mlir::linalg::LinalgOp op = instance->op;
    AcrossWarp(*instance, warps, rest.take_front(op.getDpsInits().size()));
    rest = rest.drop_front(op.getDpsInits().size());
  }
}

void SimtEmitter::AcrossColumns(llvm::ArrayRef<const ReductionInstance*> instances, const Thread& thread,
                                Values& values) {
  const int warps = plan_.threads / kWarp;
  llvm::Value *number = ThreadNumber(), *lane = b_.CreateAnd(number, kWarp - 1);
  Values arrays;
  for (llvm::Value* value : values) {
    llvm::Type* type = InMemory(b_, value->getType());
    arrays.push_back(SharedArray(type, plan_.threads));
    b_.CreateStore(Converted(b_, value, type), SharedElement(arrays.back(), type, number));
  }
  Barrier();
  auto read = [&](size_t i, int warp) {
    llvm::Type* type = InMemory(b_, values[i]->getType());
    llvm::Value* place = b_.CreateAdd(lane, b_.getInt32(warp * kWarp));
    return Converted(b_, b_.CreateLoad(type, SharedElement(arrays[i], type, place)), values[i]->getType());
  };
  size_t next = 0;
  for (const ReductionInstance* instance : instances) {
    mlir::linalg::LinalgOp op = instance->op;
    const size_t count = op.getDpsInits().size();
    Values sums;
    for (size_t k = 0; k < count; ++k) sums.push_back(read(next + k, 0));
    for (int warp = 1; warp < warps; ++warp) {
      Values others;
      for (size_t k = 0; k < count; ++k) others.push_back(read(next + k, warp));
      Combine(*instance, sums, others);
    }
    for (size_t k = 0; k < count; ++k) values[next + k] = sums[k];
    next += count;
  }
}

void SimtEmitter::Pass(int pass, const Thread& thread) {
  llvm::SmallVector<const ReductionInstance*> instances;
  Values carried;
  for (const ReductionInstance& instance : nest_.reductions) {
    if (instance.pass != pass) continue;
    instances.push_back(&instance);
    mlir::linalg::LinalgOp op = instance.op;
    for (mlir::Value init : op.getDpsInits()) {
      auto element = Eval(init, std::vector<Index>(ShapeOf(init).size()));  // inits are fills
      if (mlir::failed(element)) return Fail();
      carried.push_back(element->value);
    }
  }
  const bool stores =
      pass + 1 == nest_.passes && llvm::any_of(nest_.roots, [](const Root& root) { return !root.of_row; });
  if (instances.empty() && !stores) return;
  auto body = [&](llvm::Value* valid, Values& values) {
    if (!instances.empty()) ForLanes(nest_.lanes, [&](int) { Accumulate(instances, valid, values); });
    if (stores && !failed_) Group(nest_.lanes, And(valid, thread.valid));
  };
  if (nest_.held)
    HeldColumns(thread, carried, body);
  else
    LoopedColumns(thread, carried, body);
  if (failed_ || instances.empty()) return;
  if (nest_.skeleton == Skeleton::kColumn) AcrossColumns(instances, thread, carried);
  llvm::MutableArrayRef<llvm::Value*> rest(carried);
  for (const ReductionInstance* instance : instances) {
    mlir::linalg::LinalgOp op = instance->op;
    auto mine = rest.take_front(op.getDpsInits().size());
    rest = rest.drop_front(mine.size());
    if (nest_.skeleton == Skeleton::kRow) AcrossWarp(*instance, std::min(nest_.threads_per_row, kWarp), mine);
  }
  if (nest_.skeleton == Skeleton::kRow && nest_.threads_per_row > kWarp) AcrossBlock(instances, thread, carried);
  size_t next = 0;
  for (const ReductionInstance* instance : instances) {
    mlir::linalg::LinalgOp op = instance->op;
    Row row{op, instance->at, {}};
    for (size_t k = 0; k < op.getDpsInits().size(); ++k) {
      Element e;
      e.value = carried[next++];
      for (const Index& index : instance->at) e.dims |= space_.Dims(index);
      row.results.push_back(e);
    }
    rows_.push_back(std::move(row));
  }
}

void SimtEmitter::StoreRows(llvm::Value* valid) {
  for (const Root& root : nest_.roots) {
    if (!root.of_row) continue;
    std::vector<Index> at = RootIndex(space_, nest_, root);
    auto element = Eval(root.tensor, at);
    if (mlir::failed(element)) return Fail();
    Index address(root.base);
    for (auto [index, stride] : llvm::zip(at, root.strides)) address = space_.Add(address, space_.Scale(index, stride));
    If(valid, [&] {
      llvm::Type* type = ScalarType(ElementOf(root.tensor), b_.getContext());
      StoreElements(At(buffers_[region_.body->getNumArguments() + root.result], type, address), type, {element->value});
    });
  }
}

void SimtEmitter::Rows() {
  const Thread thread = TakeRow();
  SetDims(nest_.order, thread.row, 1);
  for (int pass = 0; pass < nest_.passes && !failed_; ++pass) Pass(pass, thread);
  shared_ = {};  // of a loop that has ended
  if (!failed_) StoreRows(And(thread.valid, thread.first));
}

}  // namespace plimsoll::codegen
