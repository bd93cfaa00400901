// What a CPU makes of a nest: along which dim vectors lie, what is a tile, what is kept of a row between passes.
#pragma once

#include "compiler/codegen/nest.h"

namespace plimsoll::codegen {

struct CpuNest : Nest {
  llvm::DenseSet<mlir::Value> kept;  // computed in one pass, read in later ones

  int vector_dim = -1;  // -1: scalars
  int lanes = 1;
  int block_dim = -1;  // with a transposed load: `lanes` steps of this dim and of vector_dim are one block
  llvm::SmallVector<int> tile_dims;   // outermost first; a tile is one point of these ...
  int64_t vector_block = 0;           // ... and a block of vector_dim, where that is not reduced
  llvm::SmallVector<int> inner_dims;  // not reduced, looped over within a tile
  int64_t tiles = 1;
  double tile_nanoseconds = 0;  // rough
};

struct KernelPlan {
  std::vector<CpuNest> nests;  // one after another in the order of tiles
  int64_t tiles = 0;
};

// Fails where the region is not one that the emitter can make. `vector_bits`: of the CPU.
mlir::FailureOr<KernelPlan> PlanKernel(const Region& region, int vector_bits);
// Whether computing it as one kernel repeats no expensive work and reads no large operand against the grain.
bool IsProfitable(const KernelPlan& plan);

}  // namespace plimsoll::codegen
