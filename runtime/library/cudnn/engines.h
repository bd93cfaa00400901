// Engines: what the library offers to run a graph with, what they say of themselves, and which are wanted.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "runtime/library/cudnn/backend.h"
#include "runtime/library/cudnn/descriptor.h"
#include "runtime/library/cudnn/graph.h"

namespace plimsoll::runtime::cudnn {

// Which engines may run a graph. All give the same bytes each time, and sum in f32.
struct EngineLimits {
  // f32 stays f32: engines on tensor cores round its products to TF32.
  bool allows_tensor_cores = true;
  int64_t workspace_bytes = 0;
};

// One engine with its settings.
struct EngineConfiguration {
  Descriptor descriptor;
  std::vector<backend::NumericalNote> numerical_notes;
  std::vector<backend::BehaviorNote> behavior_notes;
  // What it takes at the most; -1 where the library is too old to tell before a plan is made (9.2).
  int64_t workspace_bytes = -1;

  bool Has(backend::NumericalNote note) const;
  // Its kernel is compiled when a plan is made, which takes from tenths of a second to seconds.
  bool is_compiled_at_run_time() const;
};

// The configurations that the library names for a finalized graph: the fastest by its estimate first (heuristics A),
// then those that work for most (fallback). Empty where it has none.
absl::StatusOr<std::vector<EngineConfiguration>> EnginesOf(const Graph& graph, const Device& device);

// Whether a configuration keeps to the limits: deterministic; operands not rounded to a narrower type, sums not kept in
// one; Winograd by tiles of 4 x 4 at the most, whose error is near that of a plain sum.
bool IsWithin(const EngineConfiguration& engine, const EngineLimits& limits);

// Those within the limits. Ready-made kernels come first, in the library's order, then those compiled at run time, so
// that the first choice loads fast. The same library on the same device gives the same list.
std::vector<EngineConfiguration> Wanted(std::vector<EngineConfiguration> engines, const EngineLimits& limits);

// A finalized execution plan: the kernel is chosen, compiled where it must be, and loaded. Errors as of Descriptor;
// kUnimplemented too where the plan wants more than `workspace_bytes`.
absl::StatusOr<Descriptor> MakePlan(const EngineConfiguration& engine, const Device& device, int64_t workspace_bytes);

}  // namespace plimsoll::runtime::cudnn
