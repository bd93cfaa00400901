#include "passes/memory/skyline.h"

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <utility>

#include "passes/memory/ceiling.h"
#include "passes/memory/tightness.h"
#include "passes/memory/waiting.h"

namespace plimsoll::memory {
namespace {

constexpr double kTight = 0.9;  // Of the goal: from there on, what is lost matters.

// The top of what is placed: stretches of sections of one height, neighbours of different heights. A list in arrays by
// the section at which a stretch begins.
class Skyline {
 public:
  explicit Skyline(int sections) : sections_(sections), ends_(sections), previous_(sections), heights_(sections) {
    ends_[0] = sections;
    previous_[0] = -1;
  }

  struct Stretch {
    int begin;
    int end;
    int64_t height;
  };

  // A stretch that is lower than its neighbours, downhill from the one that begins at `begin`.
  Stretch Valley(int begin) const {
    for (;;) {
      const int64_t here = heights_[begin], left = Left(begin), right = Right(begin);
      if (left < here && left <= right) {
        begin = previous_[begin];
      } else if (right < here) {
        begin = ends_[begin];
      } else {
        return {begin, ends_[begin], here};
      }
    }
  }

  // Of the neighbours of the stretch that begins there; INT64_MAX if it has none.
  int64_t LowerNeighbour(int begin) const { return std::min(Left(begin), Right(begin)); }

  // Raises [begin, end), which lies within `old`, to `height`; returns where the stretch that it is then part of
  // begins.
  int Raise(const Stretch& old, int begin, int end, int64_t height) {
    int previous = previous_[old.begin];
    if (old.begin < begin) {
      ends_[old.begin] = begin;
      previous = old.begin;
    } else if (previous >= 0 && heights_[previous] == height) {
      begin = previous;
      previous = previous_[begin];
    }
    if (end < old.end) {
      heights_[end] = old.height;
      ends_[end] = old.end;
      if (old.end < sections_) previous_[old.end] = end;
    } else if (end < sections_ && heights_[end] == height) {
      end = ends_[end];
    }
    heights_[begin] = height;
    ends_[begin] = end;
    previous_[begin] = previous;
    if (end < sections_) previous_[end] = begin;
    return begin;
  }

 private:
  int64_t Left(int begin) const { return previous_[begin] < 0 ? INT64_MAX : heights_[previous_[begin]]; }
  int64_t Right(int begin) const { return ends_[begin] == sections_ ? INT64_MAX : heights_[ends_[begin]]; }

  int sections_;
  std::vector<int> ends_, previous_;
  std::vector<int64_t> heights_;
};

int64_t AlignUp(int64_t offset, int64_t alignment) {
  const int64_t rest = offset % alignment;
  return rest == 0 ? offset : offset + (alignment - rest);
}

// By rank: the place of an item among all by key, ties by index, the first last.
std::vector<int> Ranks(const std::vector<double>& keys) {
  std::vector<int> order(keys.size()), rank(keys.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](int a, int b) { return std::pair(keys[a], b) < std::pair(keys[b], a); });
  for (size_t k = 0; k < order.size(); ++k) rank[order[k]] = static_cast<int>(k);
  return rank;
}

}  // namespace

bool SkylineApplies(const Instance& instance) { return !Ceiling(instance).overlapping(); }

Packing PlaceOnSkyline(const Instance& instance, const std::vector<double>& keys, int64_t goal) {
  const std::vector<Item>& items = instance.items;
  const std::vector<int> rank = Ranks(keys);
  Waiting waiting(items, rank);
  Ceiling ceiling(instance);
  Tightness tightness(instance);
  Skyline skyline(instance.sections);
  Packing packing{.offsets = std::vector<int64_t>(items.size(), 0)};
  int left = 0;
  for (size_t i = 0; i < items.size(); ++i) {
    if (!items[i].is_fixed()) {
      ++left;
      continue;
    }
    packing.offsets[i] = items[i].fixed;
    if (!items[i].is_region()) packing.height = std::max(packing.height, items[i].fixed + items[i].size);
  }
  for (int begin = 0; left > 0;) {
    const Skyline::Stretch valley = skyline.Valley(begin);
    const int64_t neighbour = skyline.LowerNeighbour(valley.begin);
    const int64_t room = ceiling.Over(valley.begin, valley.end);
    const auto fits = [&](int item) {
      if (room == INT64_MAX) return true;
      const int64_t top = AlignUp(valley.height, items[item].alignment) + items[item].size;
      return top <= room || top <= ceiling.Over(items[item].begin, items[item].end);
    };
    Waiting::Wanted wanted{valley.begin, valley.end};
    int i = -1;
    const auto [tightest, section] = tightness.Highest(valley.begin, valley.end);
    if (neighbour != INT64_MAX && double(tightest) > kTight * double(goal)) {
      wanted.at = section;
      i = waiting.Best(wanted, fits);
      wanted.at = -1;
      wanted.size = neighbour - valley.height;
    }
    if (i < 0) i = waiting.Best(wanted, fits);
    if (i >= 0) {
      packing.offsets[i] = AlignUp(valley.height, items[i].alignment);
      if (packing.offsets[i] > valley.height) {
        tightness.Lose(items[i].begin, items[i].end, packing.offsets[i] - valley.height);
      }
      const int64_t top = packing.offsets[i] + items[i].size;
      packing.height = std::max(packing.height, top);
      begin = skyline.Raise(valley, items[i].begin, items[i].end, top);
      waiting.Remove(i);
      --left;
    } else if (neighbour <= room) {
      tightness.Lose(valley.begin, valley.end, neighbour - valley.height);
      begin = skyline.Raise(valley, valley.begin, valley.end, neighbour);
    } else {
      // What hangs over the valley is within it: the neighbours are higher.
      const int fixed = ceiling.LowestOver(valley.begin, valley.end);
      ceiling.Take(fixed);
      tightness.Lose(items[fixed].begin, items[fixed].end, room - valley.height);
      begin = skyline.Raise(valley, items[fixed].begin, items[fixed].end, room + items[fixed].size);
    }
  }
  return packing;
}

}  // namespace plimsoll::memory
