// Low precision for inference: what gains from it computes in bf16 or f16, what suffers stays in f32.
#pragma once

#include <memory>

#include "mlir/Pass/Pass.h"
#include "passes/select/library_model.h"

namespace plimsoll::passes {

enum class LowPrecision { kBf16, kF16 };

// Operations on f32 tensors, by their PrecisionClass:
//   LOW     operands are rounded to the low type, sums are f32 inside, results are low
//   FULL    stays in f32; operands are widened
//   FOLLOW  low where all operands are low, or weights and constants that the type can hold; else f32
// Casts stand where the type changes and are left to the fuse pass. Weights are cast once, at load. What depends on weights
// and constants alone, the types of the signature, operations without a class, tensors of other types and shapes that are
// known at run time only stay as they are. With `library` (may be null) library calls that it cannot do in the low type stay
// in f32. The rules are those of mixed precision as in Micikevicius et al., "Mixed precision training" (ICLR 2018), and of
// torch.autocast, with the weights of data movements (embeddings) low too.
std::unique_ptr<mlir::Pass> CreatePrecisionPass(LowPrecision low, LibraryModel* library);
void RegisterPrecisionPass();   // plimsoll-precision{type=bf16|f16}

}  // namespace plimsoll::passes
