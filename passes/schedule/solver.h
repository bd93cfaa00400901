#ifndef PLIMSOLL_PASSES_SCHEDULE_SOLVER_H_
#define PLIMSOLL_PASSES_SCHEDULE_SOLVER_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "passes/schedule/problem.h"

namespace plimsoll::schedule {

struct Options {
  // The amount of work, in steps of 20 to 50 ns. The result depends on it and on the problem alone.
  int64_t max_steps = 30'000'000;
  // A limit on the wall clock; 0 for none. Where it acts, results differ between runs.
  double seconds = 0;
  // Stop as soon as a peak of at most this many bytes is found; 0 to search for the least.
  int64_t target = 0;
};

// An order of least peak, as far as the limits allow: never worse than the order of the indices where that is
// topological. Where the search ends before its limits, the order is optimal and `proven_optimal` says so.
//
// Errors: kInvalidArgument for what Check refuses.
absl::StatusOr<Solution> Solve(const Problem& problem, const Options& options = {});

}  // namespace plimsoll::schedule

#endif  // PLIMSOLL_PASSES_SCHEDULE_SOLVER_H_
