#include "passes/schedule/reach.h"

namespace plimsoll::schedule {
namespace {

// Fills row v with v and the rows of next[v]; [begin, end) lists those before v.
template <typename Iterator>
void Close(const std::vector<std::vector<int>>& next, Iterator begin, Iterator end, size_t words,
           std::vector<uint64_t>& rows) {
  for (Iterator it = begin; it != end; ++it) {
    uint64_t* row = &rows[*it * words];
    row[*it / 64] |= uint64_t{1} << (*it % 64);
    for (int other : next[*it]) {
      const uint64_t* from = &rows[other * words];
      for (size_t w = 0; w < words; ++w) row[w] |= from[w];
    }
  }
}

int Count(const uint64_t* row, size_t words) {
  int count = 0;
  for (size_t w = 0; w < words; ++w) count += __builtin_popcountll(row[w]);
  return count;
}

}  // namespace

Reach::Reach(const Graph& graph)
    : words_((graph.size() + 63) / 64), below_(graph.size() * words_), above_(graph.size() * words_) {
  const std::vector<int> order = TopologicalOrder(graph);
  Close(graph.succs, order.rbegin(), order.rend(), words_, below_);
  Close(graph.preds, order.begin(), order.end(), words_, above_);
}

int Reach::CountAbove(int node) const { return Count(Above(node), words_); }
int Reach::CountBelow(int node) const { return Count(Below(node), words_); }

std::vector<int> TopologicalOrder(const Graph& graph) {
  std::vector<int> unmet(graph.size()), order;
  order.reserve(graph.size());
  for (int v = 0; v < graph.size(); ++v) {
    unmet[v] = static_cast<int>(graph.preds[v].size());
    if (unmet[v] == 0) order.push_back(v);
  }
  for (size_t i = 0; i < order.size(); ++i) {
    for (int v : graph.succs[order[i]]) {
      if (--unmet[v] == 0) order.push_back(v);
    }
  }
  return order;
}

}  // namespace plimsoll::schedule
