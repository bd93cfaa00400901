// The page of a plan: memory over time by class, the arena with offsets over time, the biggest tensors, the commands.
#pragma once

#include <string>

#include "ir/plan/plan.pb.h"

namespace plimsoll::report {

// A self-contained HTML page (no scripts, no outside resources). The plan must have passed the validator.
std::string PlanPage(const plan::Plan& plan);

}  // namespace plimsoll::report
