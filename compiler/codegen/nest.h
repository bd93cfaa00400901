// How a region becomes loop nests: which dims there are, which are reduced, what memory is read and written. The same for every
// target; how the loops are run is the target's (cpu/plan.h, cuda/plan.h).
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
  bool masked = false;  // read only where a padding or a concatenation says so; elsewhere the address may lie outside
  DimSet mask_dims = 0;
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
  IndexSpace space;                  // as analysis left it; an emitter starts from a copy of its dims
  // Elements that the nest computes for one of operand bytes moved; for CanBeOneKernel.
  llvm::DenseMap<mlir::Operation*, int> evaluations;
};

// The nests of a region, the largest results first: results of one shape share a nest. Fails where the region is not one that an
// emitter can make: reductions over different dims, or an index that cannot be followed.
// `splits`: dims are split where that takes divisions out of the addresses.
mlir::FailureOr<std::vector<Nest>> PlanNests(const Region& region, bool splits = true);
// Transcendental functions and the like: worth keeping for another pass.
bool IsCostly(mlir::linalg::LinalgOp op);
// Whether they compute expensive elements more than once, others often, or one reduction twice.
bool RepeatsWork(llvm::ArrayRef<const Nest*> nests);
int BytesOf(mlir::Type element);
// The root's index at a point of the nest's dims.
std::vector<Index> RootIndex(IndexSpace& space, const Nest& nest, const Root& root);

}  // namespace plimsoll::codegen
