// The recipe of each kind of operation. All may throw dnnl::error: call them under Guard (engine.h).
#pragma once

#include "runtime/library/onednn/primitive_op.h"

namespace plimsoll::runtime::onednn {

absl::StatusOr<Recipe> MatmulRecipe(const plan::Matmul& op, bool constant_weights);
absl::StatusOr<Recipe> ConvolutionRecipe(const plan::Convolution& op, bool constant_weights);
absl::StatusOr<Recipe> PoolRecipe(const plan::Pool& op);
// Without the spatial dimensions along which source, weights and destination have one element and no padding: oneDNN
// computes rows along the last dimension, and a row of one element leaves its registers empty.
plan::Convolution WithoutUnitDims(const plan::Convolution& op);
// The weights as oneDNN's logical [G, O/G, I/G, spatial...] (no G for one group), from the plan's [O, I/G, spatial...]
// or, transposed, [I, O/G, spatial...]. The bytes stay where they are: only strides change.
absl::StatusOr<dnnl::memory::desc> ConvolutionWeightsDesc(const plan::Convolution& op);
// Copies into the layout that `op.target` has for its operand `op.operand`.
absl::StatusOr<Recipe> PackRecipe(const plan::Pack& op);

// Of the floating-point operations above, by the kind of `op`; for packing.
absl::StatusOr<Recipe> RecipeOf(const plan::LibraryOp& op, bool constant_weights);

// How many of `threads` threads to use for that much work on one core; at least 1.
int ThreadsWorth(double flops, double bytes, int threads);
// The same for an operation. Recurrent layers decide by product, packing takes all.
int ThreadsWorth(const plan::LibraryOp& op, int threads);

// 8-bit operands, 32-bit results, exact on every CPU (integer.h).
absl::StatusOr<std::unique_ptr<PreparedOp>> PrepareIntegerMatmul(const plan::Matmul& op, int threads);
absl::StatusOr<std::unique_ptr<PreparedOp>> PrepareIntegerConvolution(const plan::Convolution& op, int threads);

absl::StatusOr<std::unique_ptr<PreparedOp>> PrepareRecurrent(const plan::Recurrent& op, int threads);
absl::StatusOr<std::unique_ptr<PreparedOp>> PrepareQuantizedRecurrent(const plan::Recurrent& op, int threads);

}  // namespace plimsoll::runtime::onednn
