// Square blocks for loads that walk along another dim than the stores: rows are loaded along block_dim and transposed in
// registers, then the bodies run with lanes along vector_dim, once for each step of block_dim.
#include "compiler/codegen/cpu/emitter.h"

namespace plimsoll::codegen {
namespace {

// rows[i][j] becomes rows[j][i]: each stage interleaves row i with row i + n / 2.
void Transpose(llvm::IRBuilder<>& b, llvm::SmallVectorImpl<llvm::Value*>& rows) {
  const int n = static_cast<int>(rows.size());
  llvm::SmallVector<int> low, high;
  for (int i = 0; i < n; ++i) {
    low.push_back(i / 2 + (i % 2) * n);
    high.push_back(n / 2 + i / 2 + (i % 2) * n);
  }
  for (int stage = 1; stage < n; stage *= 2) {
    llvm::SmallVector<llvm::Value*> next(n);
    for (int i = 0; i < n / 2; ++i) {
      next[2 * i] = b.CreateShuffleVector(rows[i], rows[i + n / 2], low);
      next[2 * i + 1] = b.CreateShuffleVector(rows[i], rows[i + n / 2], high);
    }
    rows.assign(next.begin(), next.end());
  }
}

}  // namespace

void NestEmitter::TransposedBlocks(llvm::Value* low, llvm::Value* high) {
  const int lanes = nest_.lanes, along = nest_.block_dim;
  const int64_t extent = nest_.extents[along], rest = extent % lanes;
  const int64_t vector_rest = nest_.extents[nest_.vector_dim] % lanes;
  Values none;
  // Steps [0, count) of block_dim from where it stands, for the lanes at hand.
  auto block = [&](llvm::Value* first, int64_t count) {
    llvm::SmallVector<Preloaded> loads;
    llvm::SmallVector<llvm::SmallVector<llvm::Value*>> columns;
    SetDim(along, first);
    for (const Access& access : nest_.accesses) {
      int64_t stride, step;
      if (!access.source || access.store) continue;
      if (VariesByLane(access.address, &stride) || stride == 0 || stride == 1 || stride == -1) continue;
      if (!space_.Stride(access.address, along, &step) || step != 1) continue;
      if (llvm::any_of(loads, [&](const Preloaded& p) { return p.source == access.source && p.address == access.address; })) continue;
      llvm::Type* type = ScalarType(ElementOf(access.source), b_.getContext());
      const llvm::Align align(std::max<uint64_t>(1, type->getScalarSizeInBits() / 8));
      llvm::Value* base = Pointer(access.source);
      llvm::Value* offset = Offset(access.address);
      b_.SetInsertPoint(current_);
      llvm::SmallVector<llvm::Constant*> mask;
      for (int i = 0; i < lanes; ++i) mask.push_back(b_.getInt1(i < count));
      llvm::SmallVector<llvm::Value*> rows;
      for (int j = 0; j < lanes; ++j) {
        llvm::Value* zero = llvm::Constant::getNullValue(Wide(type));
        if (tail_mask_ && j >= vector_rest) {
          rows.push_back(zero);
          continue;
        }
        llvm::Value* pointer = b_.CreateGEP(type, base, b_.CreateAdd(offset, I64(j * stride)));
        if (count < lanes) rows.push_back(b_.CreateMaskedLoad(Wide(type), pointer, align, llvm::ConstantVector::get(mask), zero));
        else rows.push_back(b_.CreateAlignedLoad(Wide(type), pointer, align));
      }
      Transpose(b_, rows);
      loads.push_back({access.source, access.address, nullptr});
      columns.push_back(std::move(rows));
    }
    for (int64_t i = 0; i < count; ++i) {
      b_.SetInsertPoint(current_);
      SetDim(along, i == 0 ? first : b_.CreateAdd(first, I64(i)));
      for (size_t k = 0; k < loads.size(); ++k) loads[k].value = columns[k][i];
      preloaded_ = loads;
      StoreRoots(/*of_row=*/false);
    }
    preloaded_.clear();
    Forget(Bit(along));
  };
  // As many rows as lanes are read from end to end: few streams, which the hardware fetches ahead.
  VectorLoop(low, high, none, [&](Values&) {
    Values inner;
    if (extent >= lanes) Loop(along, I64(0), I64(extent - rest), lanes, inner, [&](Values&) { block(dim_values_[along], lanes); });
    if (rest != 0) block(I64(extent - rest), rest);
  });
}

}  // namespace plimsoll::codegen
