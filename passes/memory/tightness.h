// How high each section would end if no more of it were lost.
#ifndef PLIMSOLL_PASSES_MEMORY_TIGHTNESS_H_
#define PLIMSOLL_PASSES_MEMORY_TIGHTNESS_H_

#include <cstdint>
#include <utility>
#include <vector>

#include "passes/memory/instance.h"

namespace plimsoll::memory {

// By section: the load plus what was lost there beneath the top. A tree of maxima over sections.
class Tightness {
 public:
  explicit Tightness(const Instance& instance);

  // `bytes` are lost in [begin, end).
  void Lose(int begin, int end, int64_t bytes);
  // The tightest section of [begin, end), the first of them: (bytes, section).
  std::pair<int64_t, int> Highest(int begin, int end) const;

 private:
  void Lose(int node, int first, int last, int begin, int end, int64_t bytes);
  std::pair<int64_t, int> Highest(int node, int first, int last, int begin, int end) const;

  int leaves_ = 1;
  std::vector<int64_t> highest_;  // Of a node, without what was lost above it.
  std::vector<int64_t> lost_;     // In all of a node.
};

}  // namespace plimsoll::memory

#endif  // PLIMSOLL_PASSES_MEMORY_TIGHTNESS_H_
