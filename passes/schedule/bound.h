#ifndef PLIMSOLL_PASSES_SCHEDULE_BOUND_H_
#define PLIMSOLL_PASSES_SCHEDULE_BOUND_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "passes/schedule/graph.h"
#include "passes/schedule/problem.h"

namespace plimsoll::schedule {

// Bytes that every order of `problem` needs at some moment. kInvalidArgument for what Check refuses.
absl::StatusOr<int64_t> LowerBound(const Problem& problem);

// By node: bytes that are in memory while it runs in every order: the values that start at or before it and end at or
// after it by precedence alone, plus its extra. O(n^2 / 64 + n * values) time; above `kMaxReachability` nodes only the
// node's own values count.
inline constexpr int kMaxReachability = 20'000;
std::vector<int64_t> NodeBounds(const Graph& graph);

// The largest of NodeBounds and of the memory at both ends.
int64_t NodeBound(const Graph& graph);

}  // namespace plimsoll::schedule

#endif  // PLIMSOLL_PASSES_SCHEDULE_BOUND_H_
