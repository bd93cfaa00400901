#include "passes/memory/tightness.h"

#include <algorithm>

namespace plimsoll::memory {

Tightness::Tightness(const Instance& instance) {
  while (leaves_ < instance.sections) leaves_ *= 2;
  highest_.assign(2 * leaves_, 0);
  lost_.assign(2 * leaves_, 0);
  std::vector<int64_t> change(instance.sections + 1, 0);
  for (const Item& item : instance.items) {
    change[item.begin] += item.size;
    change[item.end] -= item.size;
  }
  int64_t load = 0;
  for (int s = 0; s < instance.sections; ++s) highest_[leaves_ + s] = load += change[s];
  for (int node = leaves_ - 1; node > 0; --node) highest_[node] = std::max(highest_[2 * node], highest_[2 * node + 1]);
}

void Tightness::Lose(int begin, int end, int64_t bytes) { Lose(1, 0, leaves_, begin, end, bytes); }

void Tightness::Lose(int node, int first, int last, int begin, int end, int64_t bytes) {
  if (begin >= last || first >= end) return;
  if (begin <= first && last <= end) {
    highest_[node] += bytes;
    lost_[node] += bytes;
    return;
  }
  const int middle = (first + last) / 2;
  Lose(2 * node, first, middle, begin, end, bytes);
  Lose(2 * node + 1, middle, last, begin, end, bytes);
  highest_[node] = std::max(highest_[2 * node], highest_[2 * node + 1]) + lost_[node];
}

std::pair<int64_t, int> Tightness::Highest(int begin, int end) const { return Highest(1, 0, leaves_, begin, end); }

std::pair<int64_t, int> Tightness::Highest(int node, int first, int last, int begin, int end) const {
  if (begin >= last || first >= end) return {-1, -1};
  if (begin <= first && last <= end) {
    const int64_t bytes = highest_[node];
    while (node < leaves_) {
      const int middle = (first + last) / 2;
      const bool left = highest_[2 * node] >= highest_[2 * node + 1];
      node = 2 * node + (left ? 0 : 1);
      (left ? last : first) = middle;
    }
    return {bytes, first};
  }
  const int middle = (first + last) / 2;
  const auto left = Highest(2 * node, first, middle, begin, end);
  const auto right = Highest(2 * node + 1, middle, last, begin, end);
  const auto& best = right.second >= 0 && (left.second < 0 || right.first > left.first) ? right : left;
  return {best.first + lost_[node], best.second};
}

}  // namespace plimsoll::memory
