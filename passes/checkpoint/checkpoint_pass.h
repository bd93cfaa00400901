// Operations computed again so that the outputs held at once stay within a number of bytes.
#pragma once

#include <cstdint>
#include <memory>

#include "mlir/Pass/Pass.h"

namespace plimsoll::passes {

// Reorders nothing; inserts copies of operations, by the rematerialization solver, where what a block holds (arguments,
// results, workspace) exceeds `budget_bytes`. Fails with the operation that binds where no way was found. `max_steps` as
// in checkpoint::Options.
std::unique_ptr<mlir::Pass> CreateCheckpointPass(int64_t budget_bytes, int64_t max_steps = 0);
void RegisterCheckpointPass();   // plimsoll-checkpoint="budget-bytes=N max-steps=N"

}  // namespace plimsoll::passes
