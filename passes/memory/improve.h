// One independent part of an arena, and the ways to pack it better.
#ifndef PLIMSOLL_PASSES_MEMORY_IMPROVE_H_
#define PLIMSOLL_PASSES_MEMORY_IMPROVE_H_

#include <cstdint>

#include "passes/memory/greedy.h"
#include "passes/memory/instance.h"
#include "passes/memory/limits.h"

namespace plimsoll::memory {

struct Part {
  Instance instance;
  int64_t bound = 0;  // Bytes; no packing is lower.
  Packing best;
};

// The first packing of a part, by one placement.
void PlaceFirst(Part& part);

// Lowers `part.best` to `goal` or below, or as far as the limits allow; raises `part.bound` if it is proven that the
// goal cannot be reached. First by placements in various orders, then, where that is not enough, by search, at most
// `search_steps` steps of it.
//
// If `only_goal`, nothing above the goal is looked for: all of the search goes there.
void Improve(Part& part, int64_t goal, bool only_goal, int64_t search_steps, Limits& limits);

}  // namespace plimsoll::memory

#endif  // PLIMSOLL_PASSES_MEMORY_IMPROVE_H_
