// How a region becomes loop nests: which dims there are, which are reduced, along which one vectors lie, what is a tile.
#pragma once

#include "compiler/codegen/evaluator.h"

namespace plimsoll::codegen {

// A tensor of the region and where its elements go: result buffer `result`, element base + sum of index * stride.
struct Root {
  mlir::Value tensor;
  unsigned result = 0;
  int64_t base = 0;
  llvm::SmallVector<int64_t> strides;
  bool of_row = false;  // one element for each point of the dims that are not reduced
};

// A reduction of the nest: the operation's loops as functions of the nest's dims, and where its results are asked for.
struct ReductionInstance {
  mlir::linalg::LinalgOp op;
  std::vector<Index> at, bind;
  int pass = 0;
};

// An access to memory that analysis saw; also what is asked of an index itself (source null).
struct Access {
  mlir::Value source;
  Index address;
  bool store = false;
  int bytes = 0;
};

// Loops over `extents` (those of dims; row-major, the first `root_dims` of them enumerate the root's elements).
struct Nest {
  llvm::SmallVector<Root> roots;
  llvm::SmallVector<int64_t> extents;
  int root_dims = 0;
  DimSet reduced = 0;      // dims of the reductions
  int passes = 1;          // over the reduced dims: the last one stores
  llvm::SmallVector<ReductionInstance> reductions;  // inputs before users
  llvm::SmallVector<Access> accesses;
  llvm::DenseSet<mlir::Value> kept;  // computed in one pass, read in later ones
  IndexSpace space;                  // as analysis left it; an emitter starts from a copy of its dims

  int vector_dim = -1;     // -1: scalars
  int lanes = 1;
  int block_dim = -1;      // with a transposed load: `lanes` steps of this dim and of vector_dim are one block
  llvm::SmallVector<int> tile_dims;    // outermost first; a tile is one point of these ...
  int64_t vector_block = 0;            // ... and a block of vector_dim, where that is not reduced
  llvm::SmallVector<int> inner_dims;   // not reduced, looped over within a tile
  int64_t tiles = 1;
  double tile_nanoseconds = 0;         // rough

  // Elements that the nest computes for one of operand bytes moved; for CanBeOneKernel.
  llvm::DenseMap<mlir::Operation*, int> evaluations;
};

struct KernelPlan {
  std::vector<Nest> nests;   // one after another in the order of tiles
  int64_t tiles = 0;
};

// Fails where the region is not one that the emitter can make. `vector_bits`: of the CPU.
mlir::FailureOr<KernelPlan> PlanKernel(const Region& region, int vector_bits);
// Whether computing it as one kernel repeats no expensive work and reads no large operand against the grain.
bool IsProfitable(const Region& region, const KernelPlan& plan);
// Transcendental functions and the like: worth keeping for another pass.
bool IsCostly(mlir::linalg::LinalgOp op);
int BytesOf(mlir::Type element);
// The root's index at a point of the nest's dims.
std::vector<Index> RootIndex(IndexSpace& space, const Nest& nest, const Root& root);

}  // namespace plimsoll::codegen
