// What a plan holds, in the words and keys that several commands print.
#pragma once

#include <string>

#include "ir/plan/plan.pb.h"
#include "tools/plimsoll/command.h"

namespace plimsoll::cli {

// "weights", "activations", ... as in memory_bytes.
const char* ClassName(plan::MemoryClass memory_class);

// peak_bytes, memory_bytes{...}, arena_bytes, lower_bound_bytes, binding_tensor, commands{...}.
Json PlanJson(const plan::Plan& plan);
// A few lines for people.
std::string PlanText(const plan::Plan& plan);

}  // namespace plimsoll::cli
