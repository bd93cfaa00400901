// Placement from the bottom up, for problems with very many items.
#ifndef PLIMSOLL_PASSES_MEMORY_SKYLINE_H_
#define PLIMSOLL_PASSES_MEMORY_SKYLINE_H_

#include <cstdint>
#include <vector>

#include "passes/memory/greedy.h"
#include "passes/memory/instance.h"

namespace plimsoll::memory {

// Keeps the top of what is placed as a function of time. Takes its lowest stretch, and places there the item of the
// largest key among those that are alive within the stretch only; if there is none, the stretch is lost up to its lower
// neighbour. (Burke, Kendall and Whitwell, "A new placement heuristic for the orthogonal stock-cutting problem", 2004,
// with one coordinate given.) `keys` by item. In-place pairs are not used. Items must not be fixed; alignment is kept.
// About O(n sqrt n) for n items.
Packing PlaceOnSkyline(const Instance& instance, const std::vector<double>& keys);

// Whether that applies: nothing is fixed.
bool SkylineApplies(const Instance& instance);

// Keys that serve well, one after another: by length and size at first, then by where the placements before ended above
// the goal: what is alive there comes sooner the next time (Joslin and Clements, "Squeaky wheel optimization", 1999).
class SkylineKeys {
 public:
  explicit SkylineKeys(const Instance& instance);

  // The keys for the next placement.
  std::vector<double> Next();
  // Tells what became of them.
  void Learn(const Packing& packing, int64_t goal);

 private:
  const Instance& instance_;
  std::vector<double> loads_;  // By item: the highest load it meets, of the highest of all.
  struct Track {
    double size_power;
    double load_power;
    std::vector<double> blame;  // By section.
    bool learns = true;
  };
  std::vector<Track> tracks_;
  size_t next_ = 0;
  size_t last_ = 0;
};

}  // namespace plimsoll::memory

#endif  // PLIMSOLL_PASSES_MEMORY_SKYLINE_H_
