// Squares through shared memory: loads walk along one dim of them, stores along the other.
//
// A word is `lanes` neighbouring elements: one of 4 bytes or more, or narrow ones that make 4 bytes. A square has 32
// words a side, so that a warp moves whole lines of 128 bytes in both directions. Rows of a square whose elements go
// into the same words lie 32 rows apart in shared memory: the lanes of a warp then read words of neighbouring rows,
// which a row's 33 words put into different banks. Narrow elements that make no words are moved one by one, in squares
// of 32 x 32.
#include "compiler/codegen/cuda/emitter.h"

namespace plimsoll::codegen {
namespace {
constexpr int kWords = 32;  // of a row, and of a warp
}  // namespace

llvm::SmallVector<SimtEmitter::Square> SimtEmitter::Squares() {
  llvm::SmallVector<Square> squares;
  for (const Access& access : nest_.accesses) {
    int64_t along_stride, across_stride;
    if (!access.source || access.store || access.masked || space_.HasRuntime(access.address)) continue;
    if (!space_.Stride(access.address, nest_.block_dim, &along_stride) || along_stride != 1) continue;
    if (!space_.Stride(access.address, nest_.vector_dim, &across_stride) || across_stride == 0 || across_stride == 1 ||
        across_stride == -1)
      continue;
    if (llvm::any_of(squares, [&](const Square& s) {
          return s.access->source == access.source && s.access->address == access.address;
        }))
      continue;
    llvm::Type* type = ScalarType(ElementOf(access.source), b_.getContext());
    llvm::Type* word = nest_.lanes == 1 ? type : b_.getIntNTy(8 * access.bytes * nest_.lanes);
    // An odd number of 4 bytes for each row.
    const int pitch = nest_.lanes == 1 ? kWords + std::max(1, 4 / access.bytes) : kWords + 1;
    squares.push_back({&access, type, word, SharedArray(word, int64_t{kWords} * nest_.lanes * pitch), pitch});
  }
  return squares;
}

// The elements of words that lie across those wanted: element `place` of each.
SimtEmitter::Values SimtEmitter::Picked(const Square& square, llvm::ArrayRef<llvm::Value*> words, int place) {
  if (nest_.lanes == 1) return {words[0]};
  const int bits = 8 * square.access->bytes;
  Values elements;
  for (llvm::Value* word : words) {
    llvm::Value* element = b_.CreateTrunc(place == 0 ? word : b_.CreateLShr(word, bits * place), b_.getIntNTy(bits));
    elements.push_back(b_.CreateBitCast(element, square.type));
  }
  return elements;
}

void SimtEmitter::Transpose() {
  const int along = nest_.block_dim, across = nest_.vector_dim, lanes = nest_.lanes, warps = plan_.threads / kWords;
  const int side = kWords * lanes;
  const int64_t along_extent = nest_.extents[along], across_extent = nest_.extents[across];
  const int64_t across_squares = (across_extent + side - 1) / side, along_squares = (along_extent + side - 1) / side;
  llvm::Value* rest = Cast(block_, nest_.wide);
  llvm::Value* across_first = b_.CreateMul(b_.CreateURem(rest, N(across_squares)), N(side));
  rest = b_.CreateUDiv(rest, N(across_squares));
  llvm::Value* along_first = b_.CreateMul(b_.CreateURem(rest, N(along_squares)), N(side));
  SetDims(nest_.order, b_.CreateUDiv(rest, N(along_squares)), 1);
  llvm::Value *lane = b_.CreateAnd(ThreadNumber(), kWords - 1), *warp = b_.CreateLShr(ThreadNumber(), 5);
  // `count` elements from the value on, moved back where they would lie outside.
  auto clamped = [&](llvm::Value* value, int64_t extent, int count) {
    return extent % side == 0 ? value : b_.CreateBinaryIntrinsic(llvm::Intrinsic::umin, value, N(extent - count));
  };
  auto inside = [&](llvm::Value* value, int64_t extent) -> llvm::Value* {
    return extent % side == 0 ? nullptr : b_.CreateICmpULT(value, N(extent));
  };
  auto at = [&](llvm::Value* first, llvm::Value* value) { return b_.CreateAdd(first, Cast(value, nest_.wide)); };
  auto times = [&](llvm::Value* value) { return lanes == 1 ? value : b_.CreateMul(value, b_.getInt32(lanes)); };
  auto shared = [&](const Square& square, llvm::Value* row, llvm::Value* word) {
    llvm::Value* place = b_.CreateAdd(b_.CreateMul(row, b_.getInt32(square.pitch)), word);
    return SharedElement(square.memory, square.word, place);
  };
  const llvm::SmallVector<Square> squares = Squares();
  for (int step = 0; step < side; step += warps) {  // a warp reads a row
    llvm::Value* row = b_.CreateAdd(warp, b_.getInt32(step));
    SetDim(along, clamped(at(along_first, times(lane)), along_extent, lanes));
    SetDim(across, clamped(at(across_first, row), across_extent, 1));
    llvm::Value* place = row;
    if (lanes > 1)
      place = b_.CreateAdd(b_.CreateMul(b_.CreateURem(row, b_.getInt32(lanes)), b_.getInt32(kWords)),
                           b_.CreateUDiv(row, b_.getInt32(lanes)));
    for (const Square& square : squares) {
      llvm::Value* from = At(Pointer(square.access->source), square.type, square.access->address);
      llvm::Value* word = b_.CreateAlignedLoad(square.word, from, llvm::Align(square.access->bytes * lanes));
      b_.CreateStore(word, shared(square, place, lane));
    }
  }
  Barrier();
  for (int step = 0; step < kWords && !failed_;
       step += warps) {  // a warp writes rows the other way, one for each of its words' elements
    llvm::Value* column = b_.CreateAdd(warp, b_.getInt32(step));
    llvm::SmallVector<Values> words(squares.size());
    for (auto [square, found] : llvm::zip(squares, words))
      for (int k = 0; k < lanes; ++k) {
        llvm::Value* row = k == 0 ? lane : b_.CreateAdd(lane, b_.getInt32(k * kWords));
        found.push_back(b_.CreateLoad(square.word, shared(square, row, column)));
      }
    for (int place = 0; place < lanes && !failed_; ++place) {
      llvm::Value *across_at = at(across_first, times(lane)),
                  *along_at = at(along_first, b_.CreateAdd(times(column), b_.getInt32(place)));
      SetDim(along, clamped(along_at, along_extent, 1));
      SetDim(across, clamped(across_at, across_extent, lanes));
      preloaded_.clear();
      for (auto [square, found] : llvm::zip(squares, words))
        preloaded_.push_back({square.access->source, square.access->address, Picked(square, found, place)});
      shared_ = {};
      Group(lanes, And(inside(across_at, across_extent), inside(along_at, along_extent)));
    }
  }
  preloaded_.clear();
}

}  // namespace plimsoll::codegen
