#include "compiler/codegen/cpu/emitter.h"

#include <numeric>

namespace plimsoll::codegen {
using mlir::failure;
using mlir::FailureOr;

namespace {
constexpr int64_t kCacheBytes = 64 * 1024;  // of a row kept on the stack
}

NestEmitter::NestEmitter(llvm::IRBuilder<>& b, const Region& region, CpuNest& nest, llvm::ArrayRef<llvm::Value*> buffers)
    : Evaluator(own_space_), b_(b), region_(region), nest_(nest), buffers_(buffers), own_space_(nest.space) {
  dim_values_.assign(nest.extents.size(), nullptr);
  dim_levels_.assign(nest.extents.size(), 0);
}

int NestEmitter::LevelOf(DimSet dims) const {
  int level = 0;
  for (size_t d = 0; d < dim_levels_.size(); ++d)
    if (dims & Bit(d)) level = std::max(level, dim_levels_[d]);
  if (dims & kRow) level = std::max(level, row_level_);
  return level;
}

void NestEmitter::At(int level) {
  if (level < static_cast<int>(jumps_.size())) b_.SetInsertPoint(jumps_[level]);
  else b_.SetInsertPoint(current_);
}

void NestEmitter::SetDim(int dim, llvm::Value* value) {
  dim_values_[dim] = value;
  dim_levels_[dim] = static_cast<int>(jumps_.size());
  Forget(Bit(dim));
}

bool NestEmitter::VariesByLane(const Index& index, int64_t* stride) {
  *stride = 0;
  if (nest_.vector_dim < 0 || nest_.lanes == 1) return false;
  for (auto [number, c] : index.terms) {
    const IndexSpace::Atom& atom = space_.atom(number);
    if (!(atom.dims & Bit(nest_.vector_dim))) continue;
    if (atom.kind != IndexSpace::Atom::DIM) return true;
    *stride = c;
  }
  return false;
}

llvm::Value* NestEmitter::AtomValue(int number, bool vector) {
  const IndexSpace::Atom atom = space_.atom(number);
  At(LevelOf(atom.dims));
  switch (atom.kind) {
    case IndexSpace::Atom::DIM: {
      llvm::Value* value = dim_values_[atom.dim];
      if (!vector || atom.dim != nest_.vector_dim) return value;
      llvm::SmallVector<llvm::Constant*> steps;
      for (int lane = 0; lane < nest_.lanes; ++lane) steps.push_back(b_.getInt64(lane));
      return b_.CreateAdd(Splat(value), llvm::ConstantVector::get(steps));
    }
    case IndexSpace::Atom::RUNTIME: {
      auto* value = static_cast<llvm::Value*>(const_cast<void*>(atom.value));
      llvm::Type* i64 = value->getType()->getWithNewType(b_.getInt64Ty());
      return b_.CreateSExtOrTrunc(value, i64);
    }
    case IndexSpace::Atom::FLOOR: {
      auto [low, high] = space_.Range(atom.numerator);
      llvm::Value* numerator = vector ? VectorIndex(atom.numerator) : Offset(atom.numerator);
      At(LevelOf(atom.dims));
      llvm::Type* type = numerator->getType();
      auto constant = [&](int64_t value) { return llvm::ConstantInt::getSigned(type, value); };
      // Division rounds down, as no instruction does for negative numbers: they are moved up by multiples of the divisor.
      int64_t shift = 0;
      if (low < 0) {
        constexpr int64_t kFar = int64_t{1} << 60;
        if (low < -kFar || high > kFar) {
          llvm::Value* quotient = b_.CreateSDiv(numerator, constant(atom.divisor));
          llvm::Value* below = b_.CreateICmpSLT(b_.CreateSRem(numerator, constant(atom.divisor)), constant(0));
          return b_.CreateSub(quotient, b_.CreateZExt(below, type));
        }
        shift = (-low + atom.divisor - 1) / atom.divisor;
        numerator = b_.CreateAdd(numerator, constant(shift * atom.divisor));
        high += shift * atom.divisor;
      }
      auto moved_back = [&](llvm::Value* quotient) { return shift == 0 ? quotient : b_.CreateSub(quotient, constant(shift)); };
      if (high >= int64_t{1} << 31 || !vector) return moved_back(b_.CreateUDiv(numerator, constant(atom.divisor)));
      llvm::Type* narrow = type->getWithNewBitWidth(32);
      llvm::Value* quotient = b_.CreateUDiv(b_.CreateTrunc(numerator, narrow), llvm::ConstantInt::get(narrow, atom.divisor));
      return moved_back(b_.CreateZExt(quotient, type));
    }
  }
  return nullptr;
}

llvm::Value* NestEmitter::Offset(const Index& index) {
  // Terms of outer loops first: their sums are computed outside.
  llvm::SmallVector<std::pair<int, size_t>> order;
  for (size_t i = 0; i < index.terms.size(); ++i) order.emplace_back(LevelOf(space_.atom(index.terms[i].first).dims), i);
  llvm::sort(order);
  llvm::Value* sum = nullptr;
  for (auto [level, i] : order) {
    auto [number, c] = index.terms[i];
    llvm::Value* value = AtomValue(number, false);
    At(level);
    llvm::Value* term = c == 1 ? value : b_.CreateMul(value, I64(c));
    sum = sum ? b_.CreateAdd(sum, term) : term;
  }
  At(LevelOf(space_.Dims(index)));
  if (!sum) return I64(index.constant);
  return index.constant == 0 ? sum : b_.CreateAdd(sum, I64(index.constant));
}

llvm::Value* NestEmitter::VectorIndex(const Index& index) {
  const int level = LevelOf(space_.Dims(index));
  Index uniform(index.constant);
  llvm::Value* sum = nullptr;
  for (auto [number, c] : index.terms) {
    if (!(space_.atom(number).dims & Bit(nest_.vector_dim))) {
      uniform.terms.emplace_back(number, c);
      continue;
    }
    llvm::Value* value = AtomValue(number, true);
    At(level);
    value = Splat(value);
    if (c != 1) value = b_.CreateMul(value, llvm::ConstantInt::getSigned(value->getType(), c));
    sum = sum ? b_.CreateAdd(sum, value) : value;
  }
  llvm::Value* rest = Offset(uniform);
  At(level);
  return sum ? b_.CreateAdd(sum, Splat(rest)) : Splat(rest);
}

llvm::Value* NestEmitter::Pointer(mlir::Value source) {
  if (auto argument = llvm::dyn_cast<mlir::BlockArgument>(source)) return buffers_[argument.getArgNumber()];
  llvm::GlobalVariable*& table = tables_[source];
  if (table) return table;
  llvm::Constant* array = EmitTable(source, b_.getContext());
  llvm::Module& module = *current_->getModule();
  table = new llvm::GlobalVariable(module, array->getType(), true, llvm::GlobalValue::PrivateLinkage, array);
  table->setAlignment(llvm::Align(64));
  return table;
}

Element NestEmitter::Load(mlir::Value source, const Index& address, int mask) {
  Element e;
  e.dims = space_.Dims(address) | masks_[mask].dims;
  if (mask == 0)
    for (const Preloaded& known : preloaded_)
      if (known.source == source && known.address == address) {
        e.value = known.value;
        return e;
      }
  llvm::Type* type = ScalarType(ElementOf(source), b_.getContext());
  llvm::Value* base = Pointer(source);
  llvm::Value* condition = masks_[mask].value;
  const llvm::Align align(std::max<uint64_t>(1, type->getScalarSizeInBits() / 8));
  int64_t stride;
  const bool gather = VariesByLane(address, &stride) || (stride != 0 && stride != 1 && stride != -1);
  if (!gather && stride == 0) {  // one for all lanes
    llvm::Value* offset = Offset(address);
    if (condition) {
      At(LevelOf(e.dims));
      // Nothing outside is touched: where the lanes have no use for the element, another is read.
      llvm::Value* any = condition->getType()->isVectorTy() ? b_.CreateOrReduce(condition) : condition;
      offset = b_.CreateSelect(any, offset, I64(0));
      e.value = b_.CreateAlignedLoad(type, b_.CreateGEP(type, base, offset), align);
      if (IsVector(e.dims)) e.value = Splat(e.value);
      return e;
    }
    At(LevelOf(e.dims));
    e.value = b_.CreateAlignedLoad(type, b_.CreateGEP(type, base, offset), align);
    return e;
  }
  e.dims |= Bit(nest_.vector_dim);
  const int level = LevelOf(e.dims);
  llvm::Value* offset = gather ? VectorIndex(address) : Offset(address);
  At(level);
  llvm::Value* lanes = tail_mask_;
  if (condition) lanes = lanes ? b_.CreateAnd(lanes, Splat(condition)) : Splat(condition);
  llvm::Type* wide = Wide(type);
  llvm::Value* zero = llvm::Constant::getNullValue(wide);
  if (gather) {
    if (!lanes) lanes = llvm::Constant::getAllOnesValue(Wide(b_.getInt1Ty()));
    e.value = b_.CreateMaskedGather(wide, b_.CreateGEP(type, base, offset), align, lanes, zero);
    return e;
  }
  llvm::SmallVector<int> reversed(nest_.lanes);
  for (int lane = 0; lane < nest_.lanes; ++lane) reversed[lane] = nest_.lanes - 1 - lane;
  if (stride == -1) {
    offset = b_.CreateSub(offset, I64(nest_.lanes - 1));
    if (lanes) lanes = b_.CreateShuffleVector(lanes, reversed);
  }
  llvm::Value* pointer = b_.CreateGEP(type, base, offset);
  e.value = lanes ? static_cast<llvm::Value*>(b_.CreateMaskedLoad(wide, pointer, align, lanes, zero)) : b_.CreateAlignedLoad(wide, pointer, align);
  if (stride == -1) e.value = b_.CreateShuffleVector(e.value, reversed);
  return e;
}

FailureOr<Element> NestEmitter::Apply(mlir::Operation& op, llvm::ArrayRef<Element> operands) {
  Element e;
  llvm::SmallVector<llvm::Value*> values;
  bool vector = false;
  for (const Element& operand : operands) {
    e.dims |= operand.dims;
    values.push_back(operand.value);
    if (!operand.value) return failure();
    vector |= operand.value->getType()->isVectorTy();
  }
  At(LevelOf(e.dims));
  if (vector)
    for (llvm::Value*& value : values) value = Splat(value);
  e.value = EmitBodyOp(b_, op, values, EmitMath);
  if (!e.value) {
    Fail();
    return failure();
  }
  return e;
}

Element NestEmitter::InRange(llvm::ArrayRef<Bound> bounds) {
  Element e;
  for (const Bound& bound : bounds) {
    const DimSet dims = space_.Dims(bound.index);
    int64_t stride;
    const bool vector = VariesByLane(bound.index, &stride) || stride != 0;
    llvm::Value* index = vector ? VectorIndex(bound.index) : Offset(bound.index);
    At(LevelOf(dims));
    // One unsigned comparison sees both ends.
    llvm::Value* shifted = bound.low == 0 ? index : b_.CreateSub(index, llvm::ConstantInt::getSigned(index->getType(), bound.low));
    llvm::Value* inside = b_.CreateICmpULT(shifted, llvm::ConstantInt::get(index->getType(), bound.high - bound.low));
    e.dims |= dims;
    At(LevelOf(e.dims));
    if (e.value && (e.value->getType()->isVectorTy() || vector)) inside = b_.CreateAnd(Splat(e.value), Splat(inside));
    else if (e.value) inside = b_.CreateAnd(e.value, inside);
    e.value = inside;
  }
  return e;
}

Element NestEmitter::Select(const Element& condition, const Element& on_true, const Element& on_false) {
  Element e;
  e.dims = condition.dims | on_true.dims | on_false.dims;
  At(LevelOf(e.dims));
  llvm::Value *c = condition.value, *t = on_true.value, *f = on_false.value;
  if (c->getType()->isVectorTy() || t->getType()->isVectorTy() || f->getType()->isVectorTy()) t = Splat(t), f = Splat(f), c = Splat(c);
  e.value = b_.CreateSelect(c, t, f);
  return e;
}

Element NestEmitter::Materialize(const Index& index, mlir::Type type) {
  Element e;
  e.dims = space_.Dims(index);
  int64_t stride;
  const bool vector = VariesByLane(index, &stride) || stride != 0;
  e.value = vector ? VectorIndex(index) : Offset(index);
  At(LevelOf(e.dims));
  (void)type;  // an index is i64
  return e;
}

std::optional<Element> NestEmitter::Kept(mlir::Value tensor, llvm::ArrayRef<Index> at) {
  auto it = caches_.find(tensor);
  if (it == caches_.end() || !it->second.written || it->second.pass >= pass_ || llvm::ArrayRef<Index>(it->second.at) != at) return std::nullopt;
  Element e;
  e.dims = nest_.reduced;
  for (const Index& index : at) e.dims |= space_.Dims(index);
  At(LevelOf(e.dims));
  e.value = b_.CreateAlignedLoad(it->second.type, b_.CreateGEP(it->second.type->getScalarType(), it->second.memory, [&] {
    Index position;
    int64_t stride = 1;
    for (int d = static_cast<int>(nest_.extents.size()); d-- > 0;)
      if (nest_.reduced & Bit(d)) {
        position = space_.Add(position, space_.Scale(space_.Dim(d), stride));
        stride *= nest_.extents[d];
      }
    const bool across = nest_.vector_dim >= 0 && !(nest_.reduced & Bit(nest_.vector_dim));
    llvm::Value* offset = Offset(across ? space_.Scale(position, nest_.lanes) : position);
    At(LevelOf(e.dims));
    return offset;
  }()), llvm::Align(1));
  return e;
}

void NestEmitter::Computed(mlir::Value tensor, llvm::ArrayRef<Index> at, const Element& element) {
  if (!nest_.kept.contains(tensor) || (element.dims & nest_.reduced) != nest_.reduced) return;
  auto [it, fresh] = caches_.try_emplace(tensor);
  Cache& cache = it->second;
  if (!fresh && cache.written && !(llvm::ArrayRef<Index>(cache.at) == at && cache.pass == pass_)) return;
  int64_t count = 1, stride = 1;
  Index position;
  for (int d = static_cast<int>(nest_.extents.size()); d-- > 0;)
    if (nest_.reduced & Bit(d)) {
      position = space_.Add(position, space_.Scale(space_.Dim(d), stride));
      stride *= nest_.extents[d];
      count *= nest_.extents[d];
    }
  const bool across = nest_.vector_dim >= 0 && !(nest_.reduced & Bit(nest_.vector_dim));
  llvm::Type* scalar = element.value->getType()->getScalarType();
  const int64_t bytes = static_cast<int64_t>(scalar->getScalarSizeInBits() + 7) / 8;
  const int64_t slots = across ? count * nest_.lanes : count + nest_.lanes;  // the tail is written whole
  if (slots * bytes > kCacheBytes || scalar->isIntegerTy(1)) return;
  if (!cache.memory) {
    llvm::BasicBlock& entry = current_->getParent()->getEntryBlock();
    llvm::IRBuilder<> first(&entry, entry.begin());
    auto* memory = first.CreateAlloca(llvm::ArrayType::get(scalar, slots));
    memory->setAlignment(llvm::Align(64));
    cache.memory = memory;
    cache.type = nest_.lanes > 1 && nest_.vector_dim >= 0 ? Wide(scalar) : scalar;
  }
  cache.pass = pass_;
  cache.at.assign(at.begin(), at.end());
  cache.written = true;
  llvm::Value* offset = Offset(across ? space_.Scale(position, nest_.lanes) : position);
  At(static_cast<int>(jumps_.size()));
  llvm::Value* value = cache.type->isVectorTy() ? Splat(element.value) : element.value;
  b_.CreateAlignedStore(value, b_.CreateGEP(scalar, cache.memory, offset), llvm::Align(1));
}

FailureOr<Element> NestEmitter::Reduction(mlir::linalg::LinalgOp op, unsigned result, llvm::ArrayRef<Index> at, int mask) {
  for (const Row& row : rows_)
    if (row.op == op && llvm::ArrayRef<Index>(row.at) == at) return row.results[result];
  Fail();
  return failure();
}

void NestEmitter::StoreElement(llvm::Value* buffer, llvm::Type* type, const Index& address, const Element& element) {
  const llvm::Align align(std::max<uint64_t>(1, type->getScalarSizeInBits() / 8));
  int64_t stride;
  const bool scatter = VariesByLane(address, &stride) || (stride != 0 && stride != 1);
  if (!scatter && stride == 0) {
    llvm::Value* offset = Offset(address);
    At(static_cast<int>(jumps_.size()));
    b_.CreateAlignedStore(element.value, b_.CreateGEP(type, buffer, offset), align);
    return;
  }
  llvm::Value* offset = scatter ? VectorIndex(address) : Offset(address);
  At(static_cast<int>(jumps_.size()));
  llvm::Value* value = Splat(element.value);
  llvm::Value* pointer = b_.CreateGEP(type, buffer, offset);
  if (scatter) {
    llvm::Value* lanes = tail_mask_ ? tail_mask_ : llvm::Constant::getAllOnesValue(Wide(b_.getInt1Ty()));
    b_.CreateMaskedScatter(value, pointer, align, lanes);
  } else if (tail_mask_) {
    b_.CreateMaskedStore(value, pointer, align, tail_mask_);
  } else {
    b_.CreateAlignedStore(value, pointer, align);
  }
}

void NestEmitter::StoreRoots(bool of_row) {
  // All elements before the first store: a result may lie in the place of an operand that another one reads.
  struct Pending {
    const Root& root;
    Index address;
    Element element;
  };
  std::vector<Pending> pending;
  for (const Root& root : nest_.roots) {
    if (root.of_row != of_row) continue;
    std::vector<Index> at = RootIndex(space_, nest_, root);
    auto element = Eval(root.tensor, at);
    if (mlir::failed(element)) return Fail();
    Index address(root.base);
    for (auto [index, stride] : llvm::zip(at, root.strides)) address = space_.Add(address, space_.Scale(index, stride));
    pending.push_back({root, std::move(address), *element});
  }
  for (const Pending& store : pending) {
    llvm::Value* buffer = buffers_[region_.body->getNumArguments() + store.root.result];
    StoreElement(buffer, ScalarType(ElementOf(store.root.tensor), b_.getContext()), store.address, store.element);
  }
}

}  // namespace plimsoll::codegen
