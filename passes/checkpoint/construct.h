#ifndef PLIMSOLL_PASSES_CHECKPOINT_CONSTRUCT_H_
#define PLIMSOLL_PASSES_CHECKPOINT_CONSTRUCT_H_

#include <cstdint>
#include <vector>

#include "passes/checkpoint/graph.h"

namespace plimsoll::checkpoint {

// A sequence within `budget`, first computations in the order of the indices, built forwards: what is missing is
// computed again where it is needed, and what is cheapest to compute again for the bytes and the time until its next
// use makes room. Empty where it found none (which proves nothing).
std::vector<int> Construct(const Graph& graph, int64_t budget);

}  // namespace plimsoll::checkpoint

#endif  // PLIMSOLL_PASSES_CHECKPOINT_CONSTRUCT_H_
