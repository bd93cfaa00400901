#ifndef PLIMSOLL_PASSES_CHECKPOINT_VALIDATOR_H_
#define PLIMSOLL_PASSES_CHECKPOINT_VALIDATOR_H_

#include <cstdint>

#include "absl/status/status.h"
#include "passes/checkpoint/problem.h"

namespace plimsoll::checkpoint {

// Holds a solution against its problem and budget, sharing no code with the solvers. kFailedPrecondition names what is
// broken: [R1] every node to compute is computed, and no other; [R2] all inputs were computed before each computation;
// [R3] first computations follow the fixed order; [R4] the peak is the one stated; [R5] it is within the budget;
// [R6] the cost is the one stated; [R7] lower_bound <= cost; [R8] proven_optimal only where they are equal.
absl::Status Validate(const Problem& problem, int64_t budget, const Solution& solution);

}  // namespace plimsoll::checkpoint

#endif  // PLIMSOLL_PASSES_CHECKPOINT_VALIDATOR_H_
