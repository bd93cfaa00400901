// Solves dynamic storage allocation.
#ifndef PLIMSOLL_PASSES_MEMORY_SOLVER_H_
#define PLIMSOLL_PASSES_MEMORY_SOLVER_H_

#include "absl/status/statusor.h"
#include "passes/memory/problem.h"

namespace plimsoll::memory {

// The smallest arenas found within the limit, or the first solution within the capacity if there is one and
// `Options::stop_at_capacity` is set.
//
// Errors:
//   kResourceExhausted: proven infeasible: no solution is within the capacity, or what is fixed contradicts itself.
//   kDeadlineExceeded: nothing within the capacity was found before the limit; there may be a solution.
//   kInvalidArgument: the problem is ill-formed (see CheckProblem), or a limit is negative.
absl::StatusOr<Solution> Solve(const Problem& problem, const Options& options = {});

}  // namespace plimsoll::memory

#endif  // PLIMSOLL_PASSES_MEMORY_SOLVER_H_
