// The form in which the solvers see a problem: one arena, time cut into few sections, everything that may be ignored
// left out.
#ifndef PLIMSOLL_PASSES_MEMORY_INSTANCE_H_
#define PLIMSOLL_PASSES_MEMORY_INSTANCE_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "passes/memory/problem.h"

namespace plimsoll::memory {

// A buffer of more than zero bytes, or a forbidden region.
struct Item {
  int begin = 0;  // Alive in sections [begin, end).
  int end = 0;
  int64_t size = 0;  // Bytes.
  int64_t alignment = 1;
  int64_t fixed = -1;  // Its offset if that is given, else -1.
  int buffer = -1;     // Index into Problem::buffers; -1: a forbidden region, which has `fixed`.

  bool is_fixed() const { return fixed >= 0; }
  bool is_region() const { return buffer < 0; }
};

// One arena. A section is a maximal set of items alive at once (a maximal clique of the interval graph), in the order
// of time: two items are alive at once exactly if their ranges of sections meet, and the load of memory is highest in
// one of them (Moffitt, "MiniMalloc", ASPLOS 2023, calls them sections too, but keeps those that are not maximal).
struct Instance {
  int arena = 0;
  int sections = 0;
  std::vector<Item> items;
  std::vector<std::vector<int>> partners;  // By item: those it may share its offset with, ascending. Empty if no pairs.

  bool MayShare(int a, int b) const;
};

// One instance for each arena that has an item, in the order of arena numbers. The problem is well formed.
std::vector<Instance> BuildInstances(const Problem& problem);

// The parts of an instance that meet in no section: each can be solved alone. In the order of time.
std::vector<Instance> SplitByTime(const Instance& instance);

// The items at `indices` (ascending), with their sections counted anew from 0.
Instance Restrict(const Instance& instance, absl::Span<const int> indices);

}  // namespace plimsoll::memory

#endif  // PLIMSOLL_PASSES_MEMORY_INSTANCE_H_
