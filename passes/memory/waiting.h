// The items that are still to be placed, found by when they are alive.
#ifndef PLIMSOLL_PASSES_MEMORY_WAITING_H_
#define PLIMSOLL_PASSES_MEMORY_WAITING_H_

#include <cstdint>
#include <vector>

#include "passes/memory/instance.h"

namespace plimsoll::memory {

// Items as points (begin, end) in a tree of rectangles, each of which knows its largest rank. The points of a leaf lie
// together in memory, and so do leaves that are near in time.
class Waiting {
 public:
  // The items that are not fixed. `rank[i]`: unique, in [0, number of items), the larger the sooner item i is wanted.
  Waiting(const std::vector<Item>& items, const std::vector<int>& rank);

  // Alive within sections [begin, end), and at section `at` if that is one; of at most `size` bytes.
  struct Wanted {
    int begin;
    int end;
    int at = -1;
    int64_t size = INT64_MAX;
  };

  // The item of the largest rank that is wanted and for which `fits(item)`; -1 if there is none.
  template <typename Fits>
  int Best(const Wanted& wanted, const Fits& fits) const {
    int best = -1;
    if (!nodes_.empty()) Search(1, wanted, fits, best);
    return best < 0 ? -1 : by_rank_[best];
  }

  void Remove(int item);

 private:
  static constexpr int kLeaf = 8;

  struct Node {
    int first_begin = INT32_MAX, last_begin = -1;
    int first_end = INT32_MAX, last_end = -1;
    int best = -1;             // The largest rank.
    int first = 0, last = -1;  // Of a leaf: its points; -1: no leaf.
    int64_t smallest = INT64_MAX;
  };
  struct Point {
    int begin, end, rank;
    int64_t size;
  };

  void Build(int node, int first, int last, bool by_begin);

  template <typename Fits>
  void Search(int node, const Wanted& wanted, const Fits& fits, int& best) const {
    const Node& here = nodes_[node];
    if (here.best <= best || here.last_begin < wanted.begin || here.first_end > wanted.end) return;
    if (here.smallest > wanted.size) return;
    if (wanted.at >= 0 && (here.first_begin > wanted.at || here.last_end <= wanted.at)) return;
    if (here.last >= 0) {
      for (int k = here.first; k < here.last; ++k) {
        const Point& point = points_[k];
        if (point.rank <= best || point.begin < wanted.begin || point.end > wanted.end) continue;
        if (point.size > wanted.size || (wanted.at >= 0 && (point.begin > wanted.at || point.end <= wanted.at)))
          continue;
        if (fits(by_rank_[point.rank])) best = point.rank;
      }
      return;
    }
    const bool left_first = nodes_[2 * node].best > nodes_[2 * node + 1].best;
    Search(2 * node + (left_first ? 0 : 1), wanted, fits, best);
    Search(2 * node + (left_first ? 1 : 0), wanted, fits, best);
  }

  const std::vector<int>& rank_;
  std::vector<Point> points_;
  std::vector<int> leaf_of_, by_rank_;
  std::vector<Node> nodes_;
};

}  // namespace plimsoll::memory

#endif  // PLIMSOLL_PASSES_MEMORY_WAITING_H_
