// The engines that the emulated graph interface offers: what they say of themselves, and what they then do.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/library/cudnn/backend.h"
#include "runtime/library/cudnn/testing/emulated_graph.h"

namespace plimsoll::runtime::cudnn {

struct EmulatedEngine {
  enum class Rounding { kNone, kTf32, kBfloat16 };

  int64_t index = 0;
  backend::HeuristicsMode mode = backend::HeuristicsMode::kA;  // whose list it is in
  std::vector<backend::NumericalNote> numerical_notes;
  std::vector<backend::BehaviorNote> behavior_notes;
  int64_t workspace_bytes = 0;
  // Wants a copy of each operand in its workspace, where a convolution's channels do not come last.
  bool copies_operands = false;
  // False: the heuristics name it, but its configuration is never finalized, as of those that do not support a graph.
  bool is_supported = true;
  // False: a plan of it cannot be finalized.
  bool has_plan = true;
  // What it does to the f32 operands of products. kNone where it adds in f32 what it is given.
  Rounding rounding = Rounding::kNone;
  // Its results differ from run to run, in the last bits.
  bool is_random = false;

  bool Has(backend::NumericalNote note) const;
  bool Has(backend::BehaviorNote note) const;
};

// One of each that a runtime must tell apart, in the order in which the heuristics name them: engines first that look
// fast and are wrong to take for some.
std::vector<EmulatedEngine> DefaultEngines();

namespace emulated {

// Whether an engine takes a graph: kNotSupported, where cuDNN 9.19 has none either (engine_agreement_test.cc). Of all:
// f32, f16 and bf16 in memory, one type for a convolution's operands and result and for a product's operands,
// attention's gradient of halves; attention with its statistics, be they virtual, and heads of multiples of 8 elements.
// Of those compiled with the library: one convolution, or a forward one with, in this
// order, another tensor of the result's shape added, a bias added, and relu, where a bias there is. Of those compiled
// at run time: anything, convolutions with the channels last.
Outcome CheckSupport(const EmulatedEngine& engine, const Graph& graph);

// Of this engine for this graph.
int64_t WorkspaceBytes(const EmulatedEngine& engine, const Graph& graph);

}  // namespace emulated
}  // namespace plimsoll::runtime::cudnn
