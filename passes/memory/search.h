// Exact search for a packing within a given height: set-times branching with backjumping.
#ifndef PLIMSOLL_PASSES_MEMORY_SEARCH_H_
#define PLIMSOLL_PASSES_MEMORY_SEARCH_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "passes/memory/instance.h"
#include "passes/memory/limits.h"

namespace plimsoll::memory {

enum class SearchOutcome { kFound, kInfeasible, kLimit };

// How the search prefers one item to another where both may come next.
struct SearchOrder {
  std::vector<double> keys;     // By item; larger first.
  bool tightest_first = false;  // Look in the section with the least slack, instead of at the lowest offset.
};

// Looks for offsets with which every item that is not fixed ends at or below a height. The instance has no in-place
// pairs (`SearchApplies`).
//
// Items are placed one by one at the lowest offset that the placed ones leave ("set times", Le Pape, Couronné,
// Vergamini and Gosselin, "Time-versus-capacity compromises in project scheduling", 1995, with addresses for time). If
// an item at offset o leads nowhere, it is put off until something else is placed across [o, o + size): in a solution
// where nothing can be moved down, something must be. What is put off has a lower bound on its offset, from what may
// block it, and each section holds the one-machine bound of its items (as section inference in Moffitt, "MiniMalloc",
// ASPLOS 2023, but with the items' own lower bounds). A failure knows the range of time that it is owed to, and
// decisions outside of it are undone without trying their other branch (Prosser, "Hybrid algorithms for the constraint
// satisfaction problem", 1993).
class PackingSearch {
 public:
  explicit PackingSearch(const Instance& instance);
  ~PackingSearch();

  // Searches from the start, at most `max_steps` decisions; `limits` counts them by their cost. If found, `offsets` holds one for
  // each item. kInfeasible is a proof.
  SearchOutcome Run(int64_t height, const SearchOrder& order, int64_t max_steps, Limits& limits,
                    std::vector<int64_t>& offsets);

  // By section, how often it was the one that failed, over all runs so far.
  const std::vector<int64_t>& failures() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

// Whether the search can take the instance: no in-place pairs, and few enough items alive at once.
bool SearchApplies(const Instance& instance);

}  // namespace plimsoll::memory

#endif  // PLIMSOLL_PASSES_MEMORY_SEARCH_H_
