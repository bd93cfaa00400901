// The fixed items that placement from the bottom up has not reached yet.
#ifndef PLIMSOLL_PASSES_MEMORY_CEILING_H_
#define PLIMSOLL_PASSES_MEMORY_CEILING_H_

#include <cstdint>
#include <vector>

#include "passes/memory/instance.h"

namespace plimsoll::memory {

// What hangs lowest over each section. Items are taken away from the bottom up; the lists of what comes to sight behind
// each hold O(n) entries for n fixed items.
class Ceiling {
 public:
  explicit Ceiling(const Instance& instance);

  bool empty() const { return lowest_.empty(); }
  // The lowest offset over [begin, end); INT64_MAX if nothing is there.
  int64_t Over(int begin, int end) const;
  // The item that has it; -1 if nothing is there.
  int LowestOver(int begin, int end) const;
  // Whether two fixed items overlap; nothing but this may be asked then.
  bool overlapping() const { return overlapping_; }
  // Takes away an item that hangs lowest over all of its sections.
  void Take(int item);

 private:
  struct Piece {
    int begin;
    int end;
    int item;  // -1: nothing.
  };

  int64_t OffsetOf(int item) const { return item < 0 ? INT64_MAX : instance_.items[item].fixed; }
  int Lower(int a, int b) const { return OffsetOf(b) < OffsetOf(a) ? b : a; }
  void Assign(int node, int first, int last, const Piece& piece);
  int Query(int node, int first, int last, int begin, int end) const;

  const Instance& instance_;
  std::vector<std::vector<Piece>> behind_;  // By item: what is seen over its sections once it is gone.
  bool overlapping_ = false;
  // A tree over sections: the lowest item within; `whole_` where one piece covers a node and nothing below it counts.
  std::vector<int> lowest_;
  std::vector<char> whole_;
};

}  // namespace plimsoll::memory

#endif  // PLIMSOLL_PASSES_MEMORY_CEILING_H_
