#ifndef PLIMSOLL_PASSES_SCHEDULE_VALIDATOR_H_
#define PLIMSOLL_PASSES_SCHEDULE_VALIDATOR_H_

#include "absl/status/status.h"
#include "passes/schedule/problem.h"

namespace plimsoll::schedule {

// Holds a solution against its problem, sharing no code with the solvers. kFailedPrecondition names what is broken:
// [S1] every node runs exactly once; [S2] no node runs before the producer of one of its inputs; [S3] the peak is the
// one stated; [S4] lower_bound <= peak; [S5] proven_optimal only where they are equal.
absl::Status Validate(const Problem& problem, const Solution& solution);

}  // namespace plimsoll::schedule

#endif  // PLIMSOLL_PASSES_SCHEDULE_VALIDATOR_H_
