// One oneDNN primitive with the copies around it, as a PreparedOp.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <vector>

#include "dnnl.hpp"
#include "runtime/library/library.h"

namespace plimsoll::runtime::onednn {

constexpr int64_t kWorkspaceAlignment = 64;

// Where a primitive's argument lies: in an operand of the call, or at an offset of the workspace.
struct Place {
  int operand = -1;              // -1: the workspace
  int64_t workspace_offset = 0;
};

// One step: a primitive and where its arguments are.
struct Step {
  std::shared_ptr<dnnl::primitive_desc_base> pd;
  struct Argument {
    int id = 0;  // DNNL_ARG_...
    dnnl::memory::desc desc;
    Place place;
  };
  std::vector<Argument> arguments;
};

// What an operation does, before any code is generated for it: steps in order, one workspace for all.
struct Recipe {
  std::vector<Step> steps;
  int operands = 0;  // without the workspace
  int64_t workspace_bytes = 0;
  // Operands in the library's own layout: either given so, or (constant_weights) wished so.
  std::map<int, dnnl::memory::desc> packed;

  // Reserves workspace; returns its offset.
  int64_t Reserve(int64_t bytes);
  // Adds a copy between layouts.
  void AddReorder(const dnnl::memory::desc& from, Place source, const dnnl::memory::desc& to, Place destination);
  // Adds the primitive, with its scratchpad from the workspace.
  void AddPrimitive(std::shared_ptr<dnnl::primitive_desc_base> pd, std::vector<Step::Argument> arguments);
};

// How the weights among the operands are laid out.
enum class Layout {
  kGiven,   // as their strides say; copied into the workspace at each run if the library wants another layout
  kPacked,  // MemoryDesc.packed_bytes > 0
  kWish,    // asked by the compiler: whatever the library likes
};
Layout LayoutOf(const plan::MemoryDesc& desc, bool constant_weights);

// Checks the layout that the library chose for operand `index` against what the description says, adds the copy where
// one is needed, and returns the place from which the primitive reads it.
absl::StatusOr<Place> PlaceWeights(Recipe& recipe, int index, const plan::MemoryDesc& desc, Layout layout,
                                   const dnnl::memory::desc& plain, const dnnl::memory::desc& chosen);

// `arguments` without those of post-ops.
std::vector<Step::Argument> WithoutPostOps(const std::vector<Step::Argument>& arguments);

// Attributes that every primitive is made with.
dnnl::primitive_attr Attributes();

// Generates the code. `threads` as in ThreadCount.
absl::StatusOr<std::unique_ptr<PreparedOp>> MakePreparedOp(const Recipe& recipe, int threads);

}  // namespace plimsoll::runtime::onednn
