// The last step: a scheduled graph becomes a plan. Operations that depend on weights alone go to the `load` program.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "compiler/emit/storage.h"
#include "ir/plan/artefact.h"
#include "ir/weights/store.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace plimsoll::compiler {

// A generated kernel, as codegen tells it.
struct KernelUse {
  std::string symbol;
  int64_t tiles = 0;           // CPU
  int64_t tiles_per_task = 1;
  int64_t blocks = 0;          // CUDA
  int threads = 0;             // of a block
  bool empty() const { return tiles == 0 && blocks == 0; }   // nothing to do
  std::vector<std::pair<unsigned, unsigned>> in_place;   // operand, result
};

struct EmitRequest {
  mlir::func::FuncOp function;
  const weights::WeightStore* weights = nullptr;
  std::vector<plan::Binding> inputs;    // names and types; one for each argument, or marked as fixed
  std::vector<plan::Binding> outputs;
  plan::Target target;
  bool tf32 = false;                    // library calls on f32 may round operands to TF32
  std::function<const KernelUse*(mlir::Operation*)> kernel;   // null: none was made
  std::function<absl::StatusOr<int64_t>(const plan::LibraryOp&)> workspace;   // of a pack operation
  std::function<const KernelUse*(const plan::LibraryOp&)> library_kernel;     // CUDA: that computes it; null: none was made
  ConcatPlacement placement = ConcatPlacement::kAll;
  int64_t max_steps = 0;                // of the allocation's search; 0: its own limit
  bool keep_problem = false;            // fills Emitted::problem
};

struct Emitted {
  plan::ArtefactContents contents;      // without code, producer and budget
  std::shared_ptr<const void> keep_alive;
  bool session_proven_optimal = false;
  std::string problem;                  // the allocation of run's arena as CSV; a buffer's id is its number in the program
};

// Launches name the symbols of code 0. Errors: kUnimplemented for what has no form in plans, naming the node.
absl::StatusOr<Emitted> Emit(const EmitRequest& request);
// The plan of least peak among the ways to place concatenations.
absl::StatusOr<Emitted> EmitBest(EmitRequest request);

}  // namespace plimsoll::compiler
