// Plans that compute operations again, for budgets that the plain plan exceeds.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "compiler/emit/emit.h"

namespace plimsoll::compiler {

struct Recomputation {
  // Of the plans that were made (the plain one among them), the least peak.
  int64_t smallest_peak_bytes = 0;
  std::string binding_tensor;   // of that plan
  // The plan of least added work whose peak is within the budget; none where none is.
  std::optional<Emitted> within_budget;
};

// `request` and the plan that it gave. The plans made depend on these alone, not on `budget_bytes`: a smallest peak
// holds for every budget, and a larger budget never gives a plan with more work. Each is emitted, with its addresses,
// before it counts: what the problem of BlockProblem leaves out (operands overwritten, holes between buffers) decides
// nothing. Errors: those of EmitBest.
absl::StatusOr<Recomputation> PlanWithRecomputation(const EmitRequest& request, const Emitted& plain, int64_t budget_bytes);

}  // namespace plimsoll::compiler
