// Placement from the bottom up, for problems with very many items.
#ifndef PLIMSOLL_PASSES_MEMORY_SKYLINE_H_
#define PLIMSOLL_PASSES_MEMORY_SKYLINE_H_

#include <cstdint>
#include <vector>

#include "passes/memory/greedy.h"
#include "passes/memory/instance.h"

namespace plimsoll::memory {

// Keeps the top of what is placed as a function of time. Takes a stretch that is lower than its neighbours, a valley,
// and places there an item that is alive within it only and fits beneath what is fixed above; if there is none, the
// valley is lost up to its lower neighbour (Burke, Kendall and Whitwell, "A new placement heuristic for the orthogonal
// stock-cutting problem", 2004, with one coordinate given; they take the lowest valley of all, which comes to the same,
// since what happens in one does not depend on the others).
//
// What is lost in a section adds to its load: that sum is the height at which it must end. So the item comes first that
// covers the tightest section of the valley, of several the one of the largest key: what is lost beside it is lost
// where it matters less. If none does, that section is lost, by no less than the step to the lower neighbour: what is
// no higher than that step may still come. Where the tightest section stays far below `goal` (bytes), the key alone
// decides.
//
// `keys` by item. In-place pairs are not used; alignment is kept; fixed items lie where they are fixed. About
// O(n log n) for n items, where few of them are fixed. The instance is one to which it applies.
Packing PlaceOnSkyline(const Instance& instance, const std::vector<double>& keys, int64_t goal);

// Whether it applies: no two fixed items overlap (regions may, and buffers that share their place).
bool SkylineApplies(const Instance& instance);

}  // namespace plimsoll::memory

#endif  // PLIMSOLL_PASSES_MEMORY_SKYLINE_H_
