// Many short searches instead of a long one: in different orders, which learn where the others failed.
#ifndef PLIMSOLL_PASSES_MEMORY_PORTFOLIO_H_
#define PLIMSOLL_PASSES_MEMORY_PORTFOLIO_H_

#include <cstdint>
#include <vector>

#include "passes/memory/search.h"

namespace plimsoll::memory {

// Restarts `PackingSearch` with limits after Luby, Sinclair and Zuckerman ("Optimal speedup of Las Vegas algorithms",
// 1993), taking turns among a few orders. Within each, items of sections that failed often come first the next time
// (after Boussemart et al., "Boosting systematic search by weighting constraints", 2004). Deterministic.
class Portfolio {
 public:
  explicit Portfolio(const Instance& instance);

  // Searches for a packing within `height`, about `max_steps` steps; what was learned stays for the next call.
  SearchOutcome Run(int64_t height, int64_t max_steps, Limits& limits, std::vector<int64_t>& offsets);

 private:
  struct Track {
    SearchOrder order;            // The keys before weighting.
    std::vector<double> weights;  // By section, recent failures.
    int64_t runs = 0;
  };

  SearchOrder Weighted(const Track& track) const;
  void Learn(Track& track);

  const Instance& instance_;
  PackingSearch search_;
  std::vector<Track> tracks_;
  std::vector<int64_t> failures_;  // What the search had counted before the last run.
};

}  // namespace plimsoll::memory

#endif  // PLIMSOLL_PASSES_MEMORY_PORTFOLIO_H_
