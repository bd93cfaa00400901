// One thread, some neighbouring elements; and squares through shared memory.
#include "compiler/codegen/cuda/emitter.h"

namespace plimsoll::codegen {

void SimtEmitter::Map() {
  const int lanes = nest_.lanes;
  const int64_t chunks = nest_.rows / lanes, tail = nest_.rows % lanes, threads = nest_.blocks * plan_.threads;
  llvm::Value* first =
      b_.CreateAdd(b_.CreateMul(Cast(block_, nest_.wide), N(plan_.threads)), Cast(ThreadNumber(), nest_.wide));
  auto body = [&](llvm::Value* chunk) {
    SetDims(nest_.order, chunk, lanes);
    shared_ = {};
    Group(lanes, nullptr);
  };
  if (threads < chunks) {
    Values none;
    Loop(first, N(chunks), N(threads), none, [&](llvm::Value* chunk, Values&) { body(chunk); });
  } else if (chunks > 0) {
    If(threads == chunks ? nullptr : b_.CreateICmpULT(first, N(chunks)), [&] { body(first); });
  }
  if (tail == 0 || failed_) return;
  If(b_.CreateICmpULT(first, N(tail)), [&] {  // fewer elements than lanes: there is one dim
    SetDim(nest_.vector_dim, b_.CreateAdd(first, N(chunks * lanes)));
    shared_ = {};
    Group(1, nullptr);
  });
}

// Phase one: a warp reads 32 elements of block_dim, and the block 32 such rows. Phase two: lanes lie along vector_dim.
void SimtEmitter::Transpose() {
  constexpr int kSide = 32;
  const int along = nest_.block_dim, across = nest_.vector_dim, rows = plan_.threads / kSide;
  const int64_t along_extent = nest_.extents[along], across_extent = nest_.extents[across];
  const int64_t across_tiles = (across_extent + kSide - 1) / kSide, along_tiles = (along_extent + kSide - 1) / kSide;
  llvm::Value* rest = Cast(block_, nest_.wide);
  llvm::Value* across_tile = b_.CreateMul(b_.CreateURem(rest, N(across_tiles)), N(kSide));
  rest = b_.CreateUDiv(rest, N(across_tiles));
  llvm::Value* along_tile = b_.CreateMul(b_.CreateURem(rest, N(along_tiles)), N(kSide));
  SetDims(nest_.order, b_.CreateUDiv(rest, N(along_tiles)), 1);
  llvm::Value *x = b_.CreateAnd(ThreadNumber(), kSide - 1), *y = b_.CreateLShr(ThreadNumber(), 5);
  auto clamped = [&](llvm::Value* value, int64_t extent) {
    return extent % kSide == 0 ? value : b_.CreateBinaryIntrinsic(llvm::Intrinsic::umin, value, N(extent - 1));
  };
  auto inside = [&](llvm::Value* value, int64_t extent) -> llvm::Value* {
    return extent % kSide == 0 ? nullptr : b_.CreateICmpULT(value, N(extent));
  };
  struct Tile {
    const Access* access;
    llvm::Type* type;
    llvm::Value* memory;
  };
  llvm::SmallVector<Tile> tiles;
  for (const Access& access : nest_.accesses) {
    int64_t along_stride, across_stride;
    if (!access.source || access.store || access.masked || space_.HasRuntime(access.address)) continue;
    if (!space_.Stride(access.address, along, &along_stride) || along_stride != 1) continue;
    if (!space_.Stride(access.address, across, &across_stride) || across_stride == 0 || across_stride == 1 ||
        across_stride == -1)
      continue;
    if (llvm::any_of(tiles, [&](const Tile& t) {
          return t.access->source == access.source && t.access->address == access.address;
        }))
      continue;
    llvm::Type* type = ScalarType(ElementOf(access.source), b_.getContext());
    tiles.push_back({&access, type, SharedArray(type, kSide * (kSide + 1))});
  }
  auto place = [&](llvm::Value* across_place, llvm::Value* along_place) {
    return b_.CreateAdd(b_.CreateMul(across_place, b_.getInt32(kSide + 1)), along_place);
  };
  for (int step = 0; step < kSide; step += rows) {
    llvm::Value* row = b_.CreateAdd(y, b_.getInt32(step));
    SetDim(along, clamped(b_.CreateAdd(along_tile, Cast(x, nest_.wide)), along_extent));
    SetDim(across, clamped(b_.CreateAdd(across_tile, Cast(row, nest_.wide)), across_extent));
    for (const Tile& tile : tiles) {
      llvm::Value* value =
          LoadElements(At(Pointer(tile.access->source), tile.type, tile.access->address), tile.type, 1)[0];
      b_.CreateStore(value, SharedElement(tile.memory, tile.type, place(row, x)));
    }
  }
  Barrier();
  for (int step = 0; step < kSide && !failed_; step += rows) {
    llvm::Value* row = b_.CreateAdd(y, b_.getInt32(step));
    llvm::Value *across_at = b_.CreateAdd(across_tile, Cast(x, nest_.wide)),
                *along_at = b_.CreateAdd(along_tile, Cast(row, nest_.wide));
    SetDim(along, clamped(along_at, along_extent));
    SetDim(across, clamped(across_at, across_extent));
    preloaded_.clear();
    for (const Tile& tile : tiles)
      preloaded_.push_back({tile.access->source, tile.access->address,
                            b_.CreateLoad(tile.type, SharedElement(tile.memory, tile.type, place(x, row)))});
    shared_ = {};
    Group(1, And(inside(across_at, across_extent), inside(along_at, along_extent)));
  }
  preloaded_.clear();
}

}  // namespace plimsoll::codegen
