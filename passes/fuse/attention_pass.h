// Attention spelled out becomes one operation, whose scores are never in memory.
#pragma once

#include <memory>

#include "mlir/Pass/Pass.h"
#include "passes/select/library_model.h"

namespace plimsoll::passes {

// A product of a softmax with v, where the softmax is of the scaled and perhaps masked product of q and k, becomes
// graph.attention, if nothing else reads what lies between, the products are of one type of floats, and `library` takes
// it. The softmax and the mask of products of halves may be f32. What exchanges heads and sequence before and after, and
// what repeats the heads of k and v, goes into it, in f32 too where the products' operands are rounded behind it; a scale
// of one element that is behind these comes before them.
std::unique_ptr<mlir::Pass> CreateAttentionPass(LibraryModel& library);
void RegisterAttentionPass();   // plimsoll-attention, with a library that takes everything

}  // namespace plimsoll::passes
