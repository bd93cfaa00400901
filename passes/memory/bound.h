// How small an arena can possibly be.
#ifndef PLIMSOLL_PASSES_MEMORY_BOUND_H_
#define PLIMSOLL_PASSES_MEMORY_BOUND_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "passes/memory/instance.h"
#include "passes/memory/problem.h"

namespace plimsoll::memory {

// A lower bound, in bytes, on the sum of the arenas' sizes; kInvalidArgument for an ill-formed problem. For each arena
// the largest of, over all instants:
//   - the load: the sum of the sizes alive, where a set connected by in-place pairs counts as its largest member, and
//     sizes are rounded up to the greatest common divisor of all alignments (the topmost buffer is
//     not, and none is where anything is fixed);
//   - the least height under which that load fits beside fixed buffers and forbidden regions;
//   - the end of a fixed buffer.
absl::StatusOr<int64_t> LowerBound(const Problem& problem);

// The same for one arena.
int64_t LowerBound(const Instance& instance);

}  // namespace plimsoll::memory

#endif  // PLIMSOLL_PASSES_MEMORY_BOUND_H_
