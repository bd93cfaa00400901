// Placement one item after another: fast, never out of steps, and good where items are many and small.
#ifndef PLIMSOLL_PASSES_MEMORY_GREEDY_H_
#define PLIMSOLL_PASSES_MEMORY_GREEDY_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/types/span.h"
#include "passes/memory/instance.h"

namespace plimsoll::memory {

struct Packing {
  std::vector<int64_t> offsets;  // By item.
  int64_t height = 0;            // Bytes: the end of the highest item that is not a region.
};

enum class Fit {
  kLowest,  // The lowest offset that is free.
  kBest,    // The gap that is left smallest, the lowest of those.
};

// Places the fixed items, then the others in `order` (which names each of them once), each by `fit`. Gives up, and
// returns nothing, once an item ends above `limit`. O(n) for each item on n placed ones.
std::optional<Packing> PlaceInOrder(const Instance& instance, absl::Span<const int> order, Fit fit, int64_t limit);

// Orders that serve well, the items with a fixed offset left out: by size, length, area and load, largest first, and by
// the sections begun at or ended at. Each is complete and without ties.
std::vector<std::vector<int>> GoodOrders(const Instance& instance);

}  // namespace plimsoll::memory

#endif  // PLIMSOLL_PASSES_MEMORY_GREEDY_H_
