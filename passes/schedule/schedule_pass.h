// The order of the operations of a function that needs the least memory.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "mlir/Pass/Pass.h"

namespace plimsoll::passes {

// Reorders the top block by the ordering solver: never to a higher peak than that of the given order. Views cost
// nothing, what load computes is in memory anyway, and both follow the operations that need them.
//
// `problem`, if not null, receives the problem of the function `main` as `plimsoll solve ordering` reads it; nodes are
// numbered in the order that they had before.
inline constexpr int64_t kScheduleSteps = 4'000'000;
std::unique_ptr<mlir::Pass> CreateSchedulePass(int64_t max_steps = kScheduleSteps, std::string* problem = nullptr);
void RegisterSchedulePass();   // plimsoll-schedule

}  // namespace plimsoll::passes
