// A dry evaluation of a nest: which memory it reads and how, which reductions it has.
#pragma once

#include "compiler/codegen/nest.h"

namespace plimsoll::codegen {

// Fills reduced, passes, reductions, accesses, evaluations and the dims appended for reductions of a nest with roots, extents
// and root_dims. `reduction_extents`: of the appended dims, if known from an earlier call (their product is what counts).
mlir::LogicalResult Analyze(Nest& nest);

}  // namespace plimsoll::codegen
