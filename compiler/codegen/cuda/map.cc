// One thread, some neighbouring elements.
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

}  // namespace plimsoll::codegen
