// Memory and index arithmetic of a GPU thread.
#include "compiler/codegen/cuda/emitter.h"

namespace plimsoll::codegen {

bool SimtEmitter::NeedsWide(const Index& index) const {
  if (nest_.wide || space_.HasRuntime(index)) return true;
  auto [low, high] = space_.Range(index);
  return low < INT32_MIN || high > INT32_MAX;
}

llvm::Value* SimtEmitter::Cast(llvm::Value* value, bool wide) {
  return b_.CreateSExtOrTrunc(value, wide ? b_.getInt64Ty() : b_.getInt32Ty());
}

llvm::Value* SimtEmitter::AtomValue(int number, bool wide) {
  const IndexSpace::Atom atom = space_.atom(number);
  switch (atom.kind) {
    case IndexSpace::Atom::DIM:
      return Cast(dim_values_[atom.dim], wide);
    case IndexSpace::Atom::RUNTIME:
      return Cast(static_cast<llvm::Value*>(const_cast<void*>(atom.value)), wide);
    case IndexSpace::Atom::FLOOR: {
      auto [low, high] = space_.Range(atom.numerator);
      // Division rounds down, as no instruction does for negative numbers: they are moved up by multiples of the
      // divisor.
      constexpr int64_t kFar = int64_t{1} << 60;
      const bool far = low < -kFar || high > kFar;
      const int64_t shift = far || low >= 0 ? 0 : (-low + atom.divisor - 1) / atom.divisor;
      const bool wide_numerator = NeedsWide(atom.numerator) || high + shift * atom.divisor > INT32_MAX;
      llvm::Value* numerator = IndexValue(atom.numerator, wide_numerator);
      auto constant = [&](int64_t value) { return llvm::ConstantInt::getSigned(numerator->getType(), value); };
      if (far) {
        llvm::Value* below = b_.CreateICmpSLT(b_.CreateSRem(numerator, constant(atom.divisor)), constant(0));
        return Cast(
            b_.CreateSub(b_.CreateSDiv(numerator, constant(atom.divisor)), b_.CreateZExt(below, numerator->getType())),
            wide);
      }
      if (shift != 0) numerator = b_.CreateAdd(numerator, constant(shift * atom.divisor));
      llvm::Value* quotient = b_.CreateUDiv(numerator, constant(atom.divisor));
      return Cast(shift == 0 ? quotient : b_.CreateSub(quotient, constant(shift)), wide);
    }
  }
  return nullptr;
}

llvm::Value* SimtEmitter::IndexValue(const Index& index, bool wide) {
  llvm::Type* type = wide ? b_.getInt64Ty() : b_.getInt32Ty();
  llvm::Value* sum = nullptr;
  for (auto [number, c] : index.terms) {
    llvm::Value* term = AtomValue(number, wide);
    if (c != 1) term = b_.CreateMul(term, llvm::ConstantInt::getSigned(type, c));
    sum = sum ? b_.CreateAdd(sum, term) : term;
  }
  llvm::Value* constant = llvm::ConstantInt::getSigned(type, index.constant);
  if (!sum) return constant;
  return index.constant == 0 ? sum : b_.CreateAdd(sum, constant);
}

void SimtEmitter::SetDims(llvm::ArrayRef<int> dims, llvm::Value* position, int lanes) {
  for (size_t i = 0; i < dims.size(); ++i) {
    const int64_t step = i == 0 ? lanes : 1, extent = nest_.extents[dims[i]] / step;
    llvm::Value* value = position;
    if (i + 1 < dims.size()) {
      value = b_.CreateURem(position, N(extent));
      position = b_.CreateUDiv(position, N(extent));
    }
    SetDim(dims[i], step == 1 ? value : b_.CreateMul(value, N(step)));
  }
}

llvm::Value* SimtEmitter::At(llvm::Value* base, llvm::Type* type, const Index& address, llvm::Value* condition) {
  // What does not depend on a computed value is added up in 32 bits where it fits.
  Index computed, rest(address.constant);
  for (auto [number, c] : address.terms) {
    const IndexSpace::Atom& atom = space_.atom(number);
    const bool runtime = atom.kind == IndexSpace::Atom::RUNTIME ||
                         (atom.kind == IndexSpace::Atom::FLOOR && space_.HasRuntime(atom.numerator));
    (runtime ? computed : rest).terms.emplace_back(number, c);
  }
  const bool wide = NeedsWide(rest);
  llvm::Value* offset = IndexValue(rest, wide);
  if (!wide)
    offset =
        space_.Range(rest).first >= 0 ? b_.CreateZExt(offset, b_.getInt64Ty()) : b_.CreateSExt(offset, b_.getInt64Ty());
  if (!computed.terms.empty()) offset = b_.CreateAdd(IndexValue(computed, true), offset);
  // Nothing outside is touched: where the element is of no use, the first one is read.
  if (condition) offset = b_.CreateSelect(condition, offset, b_.getInt64(0));
  return b_.CreateGEP(type, base, offset);
}

int SimtEmitter::Alignment(mlir::Value source) const {
  if (auto argument = llvm::dyn_cast<mlir::BlockArgument>(source)) return plan_.alignments[argument.getArgNumber()];
  return 16;
}

llvm::Value* SimtEmitter::Pointer(mlir::Value source) {
  if (auto argument = llvm::dyn_cast<mlir::BlockArgument>(source)) return buffers_[argument.getArgNumber()];
  llvm::GlobalVariable*& table = tables_[source];
  if (table) return table;
  llvm::Constant* array = EmitTable(source, b_.getContext());
  llvm::Function& function = *b_.GetInsertBlock()->getParent();
  table =
      new llvm::GlobalVariable(*function.getParent(), array->getType(), true, llvm::GlobalValue::InternalLinkage, array,
                               function.getName() + "_table", nullptr, llvm::GlobalValue::NotThreadLocal, kGlobalSpace);
  table->setAlignment(llvm::Align(16));
  return table;
}

llvm::Value* SimtEmitter::SharedArray(llvm::Type* type, int64_t count) {
  llvm::Function& function = *b_.GetInsertBlock()->getParent();
  auto* array = llvm::ArrayType::get(type, count);
  auto* global = new llvm::GlobalVariable(*function.getParent(), array, false, llvm::GlobalValue::InternalLinkage,
                                          llvm::PoisonValue::get(array), function.getName() + "_shared", nullptr,
                                          llvm::GlobalValue::NotThreadLocal, kSharedSpace);
  global->setAlignment(llvm::Align(16));
  return global;
}

// Elements below 4 bytes travel in whole words, which keeps one access of theirs one instruction.
SimtEmitter::Values SimtEmitter::LoadElements(llvm::Value* pointer, llvm::Type* type, int count) {
  const int bytes = std::max<int>(1, static_cast<int>(type->getScalarSizeInBits()) / 8);
  const llvm::Align align(bytes * count);
  if (count == 1) return {b_.CreateAlignedLoad(type, pointer, align)};
  Values elements;
  if (bytes >= 4) {
    llvm::Value* wide = b_.CreateAlignedLoad(llvm::FixedVectorType::get(type, count), pointer, align);
    for (int i = 0; i < count; ++i) elements.push_back(b_.CreateExtractElement(wide, i));
    return elements;
  }
  const int total = bytes * count, words = std::max(1, total / 4), in_word = count / words;
  llvm::Type* word = b_.getIntNTy(8 * std::min(total, 4));
  llvm::Type* narrow = b_.getIntNTy(8 * bytes);
  llvm::Value* wide = b_.CreateAlignedLoad(words == 1 ? word : llvm::FixedVectorType::get(word, words), pointer, align);
  for (int w = 0; w < words; ++w) {
    llvm::Value* value = words == 1 ? wide : b_.CreateExtractElement(wide, w);
    for (int i = 0; i < in_word; ++i)
      elements.push_back(
          b_.CreateBitCast(b_.CreateTrunc(i == 0 ? value : b_.CreateLShr(value, 8 * bytes * i), narrow), type));
  }
  return elements;
}

void SimtEmitter::StoreElements(llvm::Value* pointer, llvm::Type* type, llvm::ArrayRef<llvm::Value*> values) {
  const int bytes = std::max<int>(1, static_cast<int>(type->getScalarSizeInBits()) / 8),
            count = static_cast<int>(values.size());
  const llvm::Align align(bytes * count);
  if (count == 1) {
    b_.CreateAlignedStore(values[0], pointer, align);
    return;
  }
  if (bytes >= 4) {
    llvm::Value* wide = llvm::PoisonValue::get(llvm::FixedVectorType::get(type, count));
    for (int i = 0; i < count; ++i) wide = b_.CreateInsertElement(wide, values[i], i);
    b_.CreateAlignedStore(wide, pointer, align);
    return;
  }
  const int total = bytes * count, words = std::max(1, total / 4), in_word = count / words;
  llvm::Type* word = b_.getIntNTy(8 * std::min(total, 4));
  llvm::Value* wide = words == 1 ? nullptr : llvm::PoisonValue::get(llvm::FixedVectorType::get(word, words));
  for (int w = 0; w < words; ++w) {
    llvm::Value* value = nullptr;
    for (int i = 0; i < in_word; ++i) {
      llvm::Value* part = b_.CreateZExt(b_.CreateBitCast(values[w * in_word + i], b_.getIntNTy(8 * bytes)), word);
      if (i != 0) part = b_.CreateShl(part, 8 * bytes * i);
      value = value ? b_.CreateOr(value, part) : part;
    }
    wide = words == 1 ? value : b_.CreateInsertElement(wide, value, w);
  }
  b_.CreateAlignedStore(wide, pointer, align);
}

Element SimtEmitter::Load(mlir::Value source, const Index& address, int mask) {
  Element e;
  e.dims = space_.Dims(address) | masks_[mask].dims;
  llvm::Type* type = ScalarType(ElementOf(source), b_.getContext());
  if (llvm::is_contained(ShapeOf(source), 0)) {  // reached under masks only
    e.value = llvm::Constant::getNullValue(type);
    return e;
  }
  if (mask == 0)
    for (const Preloaded& known : preloaded_)
      if (known.source == source && known.address == address) {
        e.value = known.lanes[lane_];
        return e;
      }
  llvm::Value* condition = masks_[mask].value;
  const int bytes = BytesOf(ElementOf(source)), dim = nest_.vector_dim;
  // What is masked is read together where all lanes share the answer; there the source has at least as many elements.
  const bool one_mask =
      mask == 0 || (llvm::cast<mlir::RankedTensorType>(source.getType()).getNumElements() >= group_lanes_ &&
                    llvm::any_of(shared_.ranges, [&](const Range& range) { return range.inside.value == condition; }));
  const int width =
      group_lanes_ > 1 && one_mask ? AccessWidth(space_, address, dim, group_lanes_, bytes, Alignment(source)) : 1;
  if (width == 1) {
    e.value = LoadElements(At(Pointer(source), type, address, condition), type, 1)[0];
    return e;
  }
  for (const Loaded& known : shared_.loaded)
    if (known.source == source && known.address == address && known.condition == condition) {
      e.value = known.lanes[lane_];
      return e;
    }
  Loaded loaded{source, address, condition, {}};
  llvm::Value* here = std::exchange(dim_values_[dim], base_);
  for (int lane = 0; lane < group_lanes_; lane += width) {
    Index from = address;
    from.constant += lane;
    loaded.lanes.append(LoadElements(At(Pointer(source), type, from, condition), type, width));
  }
  dim_values_[dim] = here;
  e.value = loaded.lanes[lane_];
  shared_.loaded.push_back(std::move(loaded));
  return e;
}

}  // namespace plimsoll::codegen
