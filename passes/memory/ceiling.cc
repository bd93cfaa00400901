#include "passes/memory/ceiling.h"

#include <algorithm>
#include <map>
#include <utility>

namespace plimsoll::memory {

Ceiling::Ceiling(const Instance& instance) : instance_(instance) {
  std::vector<int> fixed;
  for (int i = 0; i < static_cast<int>(instance.items.size()); ++i) {
    if (instance.items[i].is_fixed()) fixed.push_back(i);
  }
  if (fixed.empty()) return;
  std::sort(fixed.begin(), fixed.end(), [&](int a, int b) {
    return std::pair(instance.items[a].fixed, a) > std::pair(instance.items[b].fixed, b);
  });
  // From the highest down, what is seen from below: begin -> item, up to the next begin.
  behind_.resize(instance.items.size());
  std::map<int, int> seen = {{0, -1}, {instance.sections, -1}};
  const auto cut = [&](int at) {
    const auto next = seen.lower_bound(at);
    return next->first == at ? next : seen.emplace_hint(next, at, std::prev(next)->second);
  };
  for (int i : fixed) {
    const Item& item = instance.items[i];
    const auto begin = cut(item.begin), end = cut(item.end);
    for (auto piece = begin; piece != end; ++piece) {
      behind_[i].push_back({piece->first, std::next(piece)->first, piece->second});
      if (item.fixed + item.size > OffsetOf(piece->second)) overlapping_ = true;
    }
    begin->second = i;
    seen.erase(std::next(begin), end);
  }
  int leaves = 1;
  while (leaves < instance.sections) leaves *= 2;
  lowest_.assign(2 * leaves, -1);
  whole_.assign(2 * leaves, 1);
  for (auto piece = seen.begin(); std::next(piece) != seen.end(); ++piece) {
    Assign(1, 0, leaves, {piece->first, std::next(piece)->first, piece->second});
  }
}

void Ceiling::Assign(int node, int first, int last, const Piece& piece) {
  if (piece.begin >= last || first >= piece.end) return;
  if (piece.begin <= first && last <= piece.end) {
    lowest_[node] = piece.item;
    whole_[node] = 1;
    return;
  }
  const int middle = (first + last) / 2;
  if (whole_[node]) {
    for (int child : {2 * node, 2 * node + 1}) {
      lowest_[child] = lowest_[node];
      whole_[child] = 1;
    }
    whole_[node] = 0;
  }
  Assign(2 * node, first, middle, piece);
  Assign(2 * node + 1, middle, last, piece);
  lowest_[node] = Lower(lowest_[2 * node], lowest_[2 * node + 1]);
}

int Ceiling::Query(int node, int first, int last, int begin, int end) const {
  if (begin >= last || first >= end) return -1;
  if ((begin <= first && last <= end) || whole_[node]) return lowest_[node];
  const int middle = (first + last) / 2;
  return Lower(Query(2 * node, first, middle, begin, end), Query(2 * node + 1, middle, last, begin, end));
}

int Ceiling::LowestOver(int begin, int end) const {
  return empty() ? -1 : Query(1, 0, static_cast<int>(lowest_.size()) / 2, begin, end);
}

int64_t Ceiling::Over(int begin, int end) const { return OffsetOf(LowestOver(begin, end)); }

void Ceiling::Take(int item) {
  for (const Piece& piece : behind_[item]) Assign(1, 0, static_cast<int>(lowest_.size()) / 2, piece);
}

}  // namespace plimsoll::memory
