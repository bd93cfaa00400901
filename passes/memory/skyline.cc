#include "passes/memory/skyline.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <map>
#include <numeric>
#include <set>
#include <utility>

namespace plimsoll::memory {
namespace {

// The items not placed yet, as points (begin, end) in a tree of rectangles, each of which knows its largest rank.
class Waiting {
 public:
  // `rank[i]`: unique, the larger the sooner item i is wanted.
  Waiting(const std::vector<Item>& items, const std::vector<int>& rank) : items_(items), rank_(rank) {
    points_.resize(items.size());
    std::iota(points_.begin(), points_.end(), 0);
    int leaves = 1;
    while (static_cast<size_t>(leaves) * kLeaf < items.size()) leaves *= 2;
    nodes_.resize(2 * leaves);
    leaf_of_.resize(items.size());
    by_rank_.resize(items.size());
    for (size_t i = 0; i < items.size(); ++i) by_rank_[rank[i]] = static_cast<int>(i);
    if (!items.empty()) Build(1, 0, static_cast<int>(items.size()), true);
  }

  // The item of the largest rank with begin <= item.begin and item.end <= end; -1 if there is none.
  int Best(int begin, int end) const {
    int best = -1;
    Search(1, begin, end, best);
    return best < 0 ? -1 : by_rank_[best];
  }

  void Remove(int item) {
    int node = leaf_of_[item];
    Node& leaf = nodes_[node];
    for (int k = leaf.first; k < leaf.last; ++k) {
      if (points_[k] != item) continue;
      std::swap(points_[k], points_[--leaf.last]);
      break;
    }
    leaf.best = -1;
    for (int k = leaf.first; k < leaf.last; ++k) leaf.best = std::max(leaf.best, rank_[points_[k]]);
    for (node /= 2; node > 0; node /= 2) {
      const int best = std::max(nodes_[2 * node].best, nodes_[2 * node + 1].best);
      if (best == nodes_[node].best) break;
      nodes_[node].best = best;
    }
  }

 private:
  static constexpr int kLeaf = 8;

  struct Node {
    int last_begin = -1;        // The largest begin.
    int first_end = INT32_MAX;  // The smallest end.
    int best = -1;              // The largest rank.
    int first = 0, last = 0;    // Of a leaf: its points.
    bool is_leaf = false;
  };

  void Build(int node, int first, int last, bool by_begin) {
    Node& here = nodes_[node];
    for (int k = first; k < last; ++k) {
      here.last_begin = std::max(here.last_begin, items_[points_[k]].begin);
      here.first_end = std::min(here.first_end, items_[points_[k]].end);
      here.best = std::max(here.best, rank_[points_[k]]);
    }
    if (2 * node >= static_cast<int>(nodes_.size())) {
      here.first = first;
      here.last = last;
      here.is_leaf = true;
      for (int k = first; k < last; ++k) leaf_of_[points_[k]] = node;
      return;
    }
    const int middle = (first + last) / 2;
    std::nth_element(points_.begin() + first, points_.begin() + middle, points_.begin() + last, [&](int a, int b) {
      const auto key = [&](int i) { return by_begin ? std::pair(items_[i].begin, i) : std::pair(items_[i].end, i); };
      return key(a) < key(b);
    });
    Build(2 * node, first, middle, !by_begin);
    Build(2 * node + 1, middle, last, !by_begin);
  }

  void Search(int node, int begin, int end, int& best) const {
    const Node& here = nodes_[node];
    if (here.best <= best || here.last_begin < begin || here.first_end > end) return;
    if (here.is_leaf) {
      for (int k = here.first; k < here.last; ++k) {
        const Item& item = items_[points_[k]];
        if (begin <= item.begin && item.end <= end) best = std::max(best, rank_[points_[k]]);
      }
      return;
    }
    const bool left_first = nodes_[2 * node].best > nodes_[2 * node + 1].best;
    Search(2 * node + (left_first ? 0 : 1), begin, end, best);
    Search(2 * node + (left_first ? 1 : 0), begin, end, best);
  }

  const std::vector<Item>& items_;
  const std::vector<int>& rank_;
  std::vector<int> points_, leaf_of_, by_rank_;
  std::vector<Node> nodes_;
};

// The top of what is placed: stretches of sections of one height, neighbours of different heights.
class Skyline {
 public:
  explicit Skyline(int sections) { Insert(0, sections, 0); }

  struct Stretch {
    int begin;
    int end;
    int64_t height;
  };

  Stretch Lowest() const {
    const int begin = by_height_.begin()->second;
    const auto& [end, height] = stretches_.find(begin)->second;
    return {begin, end, height};
  }

  // Raises [begin, end), which lies within one stretch, to `height`.
  void Raise(int begin, int end, int64_t height) {
    auto at = std::prev(stretches_.upper_bound(begin));
    const Stretch old{at->first, at->second.first, at->second.second};
    Erase(at);
    if (old.begin < begin) {
      Insert(old.begin, begin, old.height);
    } else if (auto before = stretches_.lower_bound(begin); before != stretches_.begin()) {
      before = std::prev(before);
      if (before->second.second == height) {
        begin = before->first;
        Erase(before);
      }
    }
    if (end < old.end) {
      Insert(end, old.end, old.height);
    } else if (auto after = stretches_.find(end); after != stretches_.end() && after->second.second == height) {
      end = after->second.first;
      Erase(after);
    }
    Insert(begin, end, height);
  }

  // The height of the lower neighbour of a stretch; -1 if it has none.
  int64_t LowerNeighbour(const Stretch& stretch) const {
    const auto at = stretches_.find(stretch.begin);
    int64_t height = -1;
    if (at != stretches_.begin()) height = std::prev(at)->second.second;
    if (const auto next = std::next(at); next != stretches_.end()) {
      height = height < 0 ? next->second.second : std::min(height, next->second.second);
    }
    return height;
  }

 private:
  using Map = std::map<int, std::pair<int, int64_t>>;  // begin -> (end, height)

  void Insert(int begin, int end, int64_t height) {
    stretches_[begin] = {end, height};
    by_height_.insert({height, begin});
  }
  void Erase(Map::iterator at) {
    by_height_.erase({at->second.second, at->first});
    stretches_.erase(at);
  }

  Map stretches_;
  std::set<std::pair<int64_t, int>> by_height_;
};

}  // namespace

bool SkylineApplies(const Instance& instance) {
  return std::none_of(instance.items.begin(), instance.items.end(), [](const Item& item) { return item.is_fixed(); });
}

Packing PlaceOnSkyline(const Instance& instance, const std::vector<double>& keys) {
  const std::vector<Item>& items = instance.items;
  const int count = static_cast<int>(items.size());
  std::vector<int> order(count), rank(count);
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](int a, int b) { return std::pair(keys[a], b) < std::pair(keys[b], a); });
  for (int k = 0; k < count; ++k) rank[order[k]] = k;
  Waiting waiting(items, rank);
  Skyline skyline(instance.sections);
  Packing packing{.offsets = std::vector<int64_t>(count, 0)};
  for (int left = count; left > 0;) {
    const Skyline::Stretch stretch = skyline.Lowest();
    const int i = waiting.Best(stretch.begin, stretch.end);
    if (i < 0) {
      skyline.Raise(stretch.begin, stretch.end, skyline.LowerNeighbour(stretch));
      continue;
    }
    const int64_t rest = stretch.height % items[i].alignment;
    packing.offsets[i] = stretch.height + (rest == 0 ? 0 : items[i].alignment - rest);
    const int64_t top = packing.offsets[i] + items[i].size;
    packing.height = std::max(packing.height, top);
    skyline.Raise(items[i].begin, items[i].end, top);
    waiting.Remove(i);
    --left;
  }
  return packing;
}

// The maximum over ranges of a constant sequence, in O(1) after O(n log n).
class RangeMaximum {
 public:
  explicit RangeMaximum(std::vector<double> values) : levels_{std::move(values)} {
    for (size_t width = 1; 2 * width <= levels_[0].size(); width *= 2) {
      const std::vector<double>& below = levels_.back();
      std::vector<double> level(levels_[0].size() - 2 * width + 1);
      for (size_t i = 0; i < level.size(); ++i) level[i] = std::max(below[i], below[i + width]);
      levels_.push_back(std::move(level));
    }
  }
  double Of(int begin, int end) const {
    const int level = std::bit_width(static_cast<unsigned>(end - begin)) - 1;
    return std::max(levels_[level][begin], levels_[level][end - (1 << level)]);
  }

 private:
  std::vector<std::vector<double>> levels_;
};

SkylineKeys::SkylineKeys(const Instance& instance) : instance_(instance) {
  std::vector<double> loads(instance.sections + 1, 0);
  for (const Item& item : instance.items) {
    loads[item.begin] += double(item.size);
    loads[item.end] -= double(item.size);
  }
  for (int s = 1; s <= instance.sections; ++s) loads[s] += loads[s - 1];
  const double highest = std::max(1.0, *std::max_element(loads.begin(), loads.end()));
  const RangeMaximum load(std::move(loads));
  for (const Item& item : instance.items) loads_.push_back(load.Of(item.begin, item.end) / highest);
  const auto add = [&](double size_power, double load_power) {
    tracks_.push_back({size_power, load_power, std::vector<double>(instance.sections, 0)});
  };
  add(0.1, 0);
  add(0.25, 10);
  add(0, 0);
  add(1, 20);
}

std::vector<double> SkylineKeys::Next() {
  last_ = next_;
  next_ = (next_ + 1) % tracks_.size();
  const Track& track = tracks_[last_];
  const RangeMaximum blame(track.blame);
  std::vector<double> keys;
  keys.reserve(instance_.items.size());
  for (size_t i = 0; i < instance_.items.size(); ++i) {
    const Item& item = instance_.items[i];
    double key = double(item.end - item.begin) * (1 + 3 * blame.Of(item.begin, item.end));
    if (track.size_power != 0) key *= std::pow(double(item.size), track.size_power);
    if (track.load_power != 0) key *= std::pow(loads_[i], track.load_power);
    keys.push_back(key);
  }
  return keys;
}

void SkylineKeys::Learn(const Packing& packing, int64_t goal) {
  std::vector<double>& blame = tracks_[last_].blame;
  const double excess = std::max(1.0, double(packing.height - goal));
  for (double& value : blame) value *= 0.8;
  for (size_t i = 0; i < instance_.items.size(); ++i) {
    const Item& item = instance_.items[i];
    const int64_t top = packing.offsets[i] + item.size;
    if (top <= goal) continue;
    const double share = double(top - goal) / excess;
    if (item.end - item.begin > 4096) continue;
    for (int s = item.begin; s < item.end; ++s) blame[s] = std::max(blame[s], share);
  }
}

}  // namespace plimsoll::memory
