// Checks a solution against its problem. Shares no code with the solver.
#ifndef PLIMSOLL_PASSES_MEMORY_VALIDATOR_H_
#define PLIMSOLL_PASSES_MEMORY_VALIDATOR_H_

#include "absl/status/status.h"
#include "passes/memory/problem.h"

namespace plimsoll::memory {

// The rules, named in the message of the kFailedPrecondition that says which was broken, by which buffers:
//   [M1] one offset for each buffer, none negative, each a multiple of its buffer's alignment;
//   [M2] a fixed buffer lies where it was fixed;
//   [M3] buffers of one arena that are alive at once do not overlap, in-place pairs with equal offsets apart;
//   [M4] no buffer touches a forbidden region;
//   [M5] the sizes of the arenas are what the offsets say, and within the capacity;
//   [M6] the bound is at most the size, and equal to it if the solution claims to be optimal.
// An ill-formed problem is kInvalidArgument. O(n log n) for n buffers, plus n for each forbidden region.
absl::Status Validate(const Problem& problem, const Solution& solution);

}  // namespace plimsoll::memory

#endif  // PLIMSOLL_PASSES_MEMORY_VALIDATOR_H_
