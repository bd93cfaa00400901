// Why no plan was made within the budget: travels as a payload of the status, from the compiler to its callers.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"

namespace plimsoll::compiler {

struct Refusal {
  int64_t smallest_feasible_budget_bytes = 0;   // the least that this compiler planned, whatever budget was asked
  int64_t lower_bound_bytes = 0;
  bool proven_infeasible = false;               // the budget is below the lower bound
  std::string binding_tensor;
};

void AttachRefusal(absl::Status& status, const Refusal& refusal);
// Nothing if the status carries none.
std::optional<Refusal> RefusalOf(const absl::Status& status);

}  // namespace plimsoll::compiler
