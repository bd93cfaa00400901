// The order of the operations of a function that needs the least memory.
#pragma once

#include <cstdint>
#include <memory>

#include "mlir/Pass/Pass.h"

namespace plimsoll::passes {

// Reorders the top block by the ordering solver: never to a higher peak than that of the given order. Views cost
// nothing, what load computes is in memory anyway, and both follow the operations that need them.
std::unique_ptr<mlir::Pass> CreateSchedulePass(int64_t max_steps = 4'000'000);
void RegisterSchedulePass();   // plimsoll-schedule

}  // namespace plimsoll::passes
