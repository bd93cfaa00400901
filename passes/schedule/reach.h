#ifndef PLIMSOLL_PASSES_SCHEDULE_REACH_H_
#define PLIMSOLL_PASSES_SCHEDULE_REACH_H_

#include <cstdint>
#include <vector>

#include "passes/schedule/graph.h"

namespace plimsoll::schedule {

// Who precedes whom, one bit a pair: n^2 / 4 bytes. For graphs of at most kMaxNodes nodes.
class Reach {
 public:
  static constexpr int kMaxNodes = 20'000;

  explicit Reach(const Graph& graph);

  size_t words() const { return words_; }
  // Rows of `words()` words: the node and its descendants, the node and its ancestors.
  const uint64_t* Below(int node) const { return &below_[node * words_]; }
  const uint64_t* Above(int node) const { return &above_[node * words_]; }
  bool IsBelow(int node, int other) const { return Below(node)[other / 64] >> (other % 64) & 1; }
  bool IsAbove(int node, int other) const { return Above(node)[other / 64] >> (other % 64) & 1; }
  int CountAbove(int node) const;
  int CountBelow(int node) const;

 private:
  size_t words_;
  std::vector<uint64_t> below_, above_;
};

// Any topological order (Kahn's, lowest index first in each wave).
std::vector<int> TopologicalOrder(const Graph& graph);

}  // namespace plimsoll::schedule

#endif  // PLIMSOLL_PASSES_SCHEDULE_REACH_H_
