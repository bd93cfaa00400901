#include "passes/memory/waiting.h"

#include <algorithm>
#include <cstddef>
#include <utility>

namespace plimsoll::memory {

Waiting::Waiting(const std::vector<Item>& items, const std::vector<int>& rank)
    : rank_(rank), leaf_of_(items.size(), 0), by_rank_(items.size(), -1) {
  for (size_t i = 0; i < items.size(); ++i) {
    if (items[i].is_fixed()) continue;
    points_.push_back({items[i].begin, items[i].end, rank[i], items[i].size});
    by_rank_[rank[i]] = static_cast<int>(i);
  }
  if (points_.empty()) return;
  size_t leaves = 1;
  while (leaves * kLeaf < points_.size()) leaves *= 2;
  nodes_.resize(2 * leaves);
  Build(1, 0, static_cast<int>(points_.size()), true);
}

void Waiting::Remove(int item) {
  int node = leaf_of_[item];
  Node& leaf = nodes_[node];
  int at = leaf.first;
  while (points_[at].rank != rank_[item]) ++at;
  std::swap(points_[at], points_[--leaf.last]);
  leaf.best = -1;
  leaf.smallest = INT64_MAX;
  for (int k = leaf.first; k < leaf.last; ++k) {
    leaf.best = std::max(leaf.best, points_[k].rank);
    leaf.smallest = std::min(leaf.smallest, points_[k].size);
  }
  for (node /= 2; node > 0; node /= 2) {
    const int best = std::max(nodes_[2 * node].best, nodes_[2 * node + 1].best);
    const int64_t smallest = std::min(nodes_[2 * node].smallest, nodes_[2 * node + 1].smallest);
    if (best == nodes_[node].best && smallest == nodes_[node].smallest) break;
    nodes_[node].best = best;
    nodes_[node].smallest = smallest;
  }
}

void Waiting::Build(int node, int first, int last, bool by_begin) {
  Node& here = nodes_[node];
  for (int k = first; k < last; ++k) {
    const Point& point = points_[k];
    here.first_begin = std::min(here.first_begin, point.begin);
    here.last_begin = std::max(here.last_begin, point.begin);
    here.first_end = std::min(here.first_end, point.end);
    here.last_end = std::max(here.last_end, point.end);
    here.smallest = std::min(here.smallest, point.size);
    here.best = std::max(here.best, point.rank);
  }
  if (2 * node >= static_cast<int>(nodes_.size())) {
    here.first = first;
    here.last = last;
    for (int k = first; k < last; ++k) leaf_of_[by_rank_[points_[k].rank]] = node;
    return;
  }
  const int middle = (first + last) / 2;
  std::nth_element(points_.begin() + first, points_.begin() + middle, points_.begin() + last,
                   [&](const Point& a, const Point& b) {
                     return by_begin ? std::pair(a.begin, a.rank) < std::pair(b.begin, b.rank)
                                     : std::pair(a.end, a.rank) < std::pair(b.end, b.rank);
                   });
  Build(2 * node, first, middle, !by_begin);
  Build(2 * node + 1, middle, last, !by_begin);
}

}  // namespace plimsoll::memory
