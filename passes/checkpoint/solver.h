#ifndef PLIMSOLL_PASSES_CHECKPOINT_SOLVER_H_
#define PLIMSOLL_PASSES_CHECKPOINT_SOLVER_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "passes/checkpoint/problem.h"

namespace plimsoll::checkpoint {

struct Options {
  // The amount of work for each budget, in steps of about 10 ns; 0: by the size of the graph, about 0.8 s up to 350
  // nodes and 8 s at 1,000. The result depends on it and on the problem alone.
  int64_t max_steps = 0;
  // A limit on the wall clock for each budget; 0 for none. Where it acts, results differ between runs.
  double seconds = 0;
};

// What was found for one budget.
struct Answer {
  int64_t budget = 0;
  // OK with a solution; kResourceExhausted where it is proven that there is none; kDeadlineExceeded where none was
  // found.
  absl::Status status;
  Solution solution;
  int64_t memory_bound = 0;  // bytes; no sequence has a lower peak
  double seconds = 0;        // that it took, by the wall clock
};

// A sequence of least cost within each budget, as far as the limits allow, in the order of `budgets`. A larger budget
// never costs more than a smaller one of the same call. Where the order is fixed, the lower bound holds for that order;
// where it is free, for all.
//
// Errors: kInvalidArgument for what Check refuses and for a negative budget.
absl::StatusOr<std::vector<Answer>> Solve(const Problem& problem, absl::Span<const int64_t> budgets,
                                          const Options& options = {});

}  // namespace plimsoll::checkpoint

#endif  // PLIMSOLL_PASSES_CHECKPOINT_SOLVER_H_
