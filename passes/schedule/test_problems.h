#ifndef PLIMSOLL_PASSES_SCHEDULE_TEST_PROBLEMS_H_
#define PLIMSOLL_PASSES_SCHEDULE_TEST_PROBLEMS_H_

#include <cstdint>
#include <random>

#include "passes/schedule/problem.h"

namespace plimsoll::schedule {

// A random problem for tests: `n` nodes, each of which reads a few earlier tensors; some tensors have no producer, some
// nodes several outputs or none that is used, some workspace. Indices are shuffled, so that the order of the indices
// need not be topological.
Problem RandomProblem(int n, uint32_t seed);

// The least peak, by trying every topological order on plain sets. For up to about 9 nodes.
int64_t BruteForcePeak(const Problem& problem);

// The same by dynamic programming over all sets of nodes. For up to about 16 nodes.
int64_t SubsetPeak(const Problem& problem);

}  // namespace plimsoll::schedule

#endif  // PLIMSOLL_PASSES_SCHEDULE_TEST_PROBLEMS_H_
