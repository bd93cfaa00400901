#ifndef PLIMSOLL_PASSES_CHECKPOINT_TEST_PROBLEMS_H_
#define PLIMSOLL_PASSES_CHECKPOINT_TEST_PROBLEMS_H_

#include <cstdint>
#include <optional>

#include "passes/checkpoint/problem.h"

namespace plimsoll::checkpoint {

// A random problem for tests: `n` nodes, each of which reads a few earlier ones; some sizes and costs are zero, some
// nodes are read by nobody, one or two are outputs. With a fixed order or a free one.
Problem RandomProblem(int n, bool fixed, uint32_t seed);

// The least cost within `budget`, or nothing where no sequence is, by Dijkstra's algorithm forwards over all states
// (what is held, what was computed). For up to about 8 nodes.
std::optional<double> BruteForceCost(const Problem& problem, int64_t budget);

}  // namespace plimsoll::checkpoint

#endif  // PLIMSOLL_PASSES_CHECKPOINT_TEST_PROBLEMS_H_
