// Whether operations are worth one kernel.
#include "compiler/codegen/cuda/plan.h"

namespace plimsoll::codegen {
namespace {

// Along which neighbouring threads, or a thread's own elements, lie; -1: there is one point.
int InnermostDim(const CudaNest& nest) {
  if (nest.skeleton == Skeleton::kTranspose || nest.vector_dim >= 0) return nest.vector_dim;
  return nest.order.empty() ? -1 : nest.order[0];
}

// Loads of large operands, which are read along memory, by squares, or by each lane from another line.
bool ReadsAgainstTheGrain(const CudaNest& nest) {
  const int dim = InnermostDim(nest);
  if (dim < 0 || nest.rows * nest.columns < 1 << 14 || nest.evaluations.size() <= 1) return false;
  return llvm::any_of(nest.accesses, [&](const Access& access) {
    if (!access.source || llvm::cast<mlir::RankedTensorType>(access.source.getType()).getNumElements() <= 1 << 12)
      return false;
    int64_t stride;
    const bool linear = nest.space.Stride(access.address, dim, &stride);
    if (linear && (stride == 0 || stride == 1 || stride == -1)) return false;
    const bool squares = nest.skeleton == Skeleton::kTranspose && linear && !access.store && !access.masked &&
                         nest.space.Stride(access.address, nest.block_dim, &stride) && stride == 1;
    return !squares;
  });
}

}  // namespace

bool CanBeOneCudaKernel(llvm::ArrayRef<mlir::Operation*> ops, llvm::ArrayRef<mlir::Value> results,
                        const CudaTarget& target) {
  mlir::OwningOpRef<graph::FusionOp> fusion = MakeFusion(ops, results);
  if (!fusion) return false;
  LoadKernelDialects(fusion->getContext());
  auto region = LowerToRegion(fusion.get(), /*diagnose=*/false);
  if (mlir::failed(region)) return false;
  auto plan = PlanCudaKernel(*region, target, {});
  if (mlir::failed(plan)) return false;
  llvm::SmallVector<const Nest*> nests;
  for (const CudaNest& nest : plan->nests) {
    if (nest.accesses.size() > 64 || ReadsAgainstTheGrain(nest)) return false;
    nests.push_back(&nest);
  }
  return !RepeatsWork(nests);
}

}  // namespace plimsoll::codegen
