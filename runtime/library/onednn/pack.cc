#include "absl/strings/str_cat.h"
#include "runtime/device/cpu/parallel.h"
#include "runtime/library/onednn/descriptors.h"
#include "runtime/library/onednn/engine.h"
#include "runtime/library/onednn/operations.h"

namespace plimsoll::runtime::onednn {

absl::StatusOr<Recipe> RecipeOf(const plan::LibraryOp& op, bool constant_weights) {
  // Layouts may depend on the number of threads: the same here as where the operation is made.
  ThreadCount threads(ThreadsWorth(op, cpu::MaxThreads()));
  switch (op.op_case()) {
    case plan::LibraryOp::kMatmul: return MatmulRecipe(op.matmul(), constant_weights);
    case plan::LibraryOp::kConvolution: return ConvolutionRecipe(op.convolution(), constant_weights);
    case plan::LibraryOp::kPool: return PoolRecipe(op.pool());
    case plan::LibraryOp::kPack: return PackRecipe(op.pack());
    default: return absl::UnimplementedError("this library operation has no oneDNN recipe");
  }
}

absl::StatusOr<Recipe> PackRecipe(const plan::Pack& op) {
  if (op.target().op_case() == plan::LibraryOp::kPack) {
    return absl::InvalidArgumentError("a pack operation packs for a pack operation");
  }
  auto target = RecipeOf(op.target(), /*constant_weights=*/false);
  if (!target.ok()) return target.status();
  auto packed = target->packed.find(op.operand());
  if (packed == target->packed.end()) {
    return absl::InvalidArgumentError(
        absl::StrCat("operand ", op.operand(), " is packed for an operation that does not take it packed"));
  }
  // The target's recipe knows how the plain bytes map to its logical dimensions (groups, transposed): ask it for the
  // operation with this operand plain at `from`.
  plan::LibraryOp plain = op.target();
  plan::MemoryDesc* desc = nullptr;
  if (plain.has_matmul() && op.operand() == 1) desc = plain.mutable_matmul()->mutable_b();
  if (plain.has_convolution() && op.operand() == 1) desc = plain.mutable_convolution()->mutable_weights();
  if (desc == nullptr) return absl::UnimplementedError("only weights are packed");
  const Dims dims = DimsOf(*desc);
  if (dims != DimsOf(op.from())) return absl::InvalidArgumentError("a pack operation changes the shape");
  *desc = op.from();
  desc->set_packed_bytes(0);
  auto from = plain.has_matmul() ? PlainDesc(*desc, packed->second.get_ndims())
                                 : ConvolutionWeightsDesc(WithoutUnitDims(plain.convolution()));
  if (!from.ok()) return from.status();
  Recipe recipe;
  recipe.operands = 2;
  recipe.AddReorder(*from, Place{0}, packed->second, Place{1});
  return recipe;
}

}  // namespace plimsoll::runtime::onednn
