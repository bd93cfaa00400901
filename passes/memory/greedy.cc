#include "passes/memory/greedy.h"

#include <algorithm>
#include <functional>
#include <tuple>
#include <utility>

namespace plimsoll::memory {
namespace {

int64_t AlignUp(int64_t offset, int64_t alignment) {
  const int64_t rest = offset % alignment;
  return rest == 0 ? offset : offset + (alignment - rest);
}

class Placer {
 public:
  Placer(const Instance& instance, Fit fit) : instance_(instance), fit_(fit) { placed_.reserve(instance.items.size()); }

  // The best free offset of an item.
  int64_t Find(int index) const {
    const Item& item = instance_.items[index];
    const bool pairs = !instance_.partners.empty() && !instance_.partners[index].empty();
    int64_t top = 0, best = -1, best_waste = INT64_MAX;
    for (const Placed& placed : placed_) {
      if (placed.begin >= item.end || item.begin >= placed.end) continue;
      if (placed.offset > top) {
        const int64_t offset = AlignUp(top, item.alignment);
        const int64_t waste = placed.offset - offset - item.size;
        if (waste >= 0 && waste < best_waste) {
          best = offset;
          best_waste = waste;
          if (fit_ == Fit::kLowest || waste == 0) break;
        }
      }
      top = std::max(top, placed.top);
    }
    if (best < 0) best = AlignUp(top, item.alignment);
    if (!pairs) return best;
    for (const Placed& placed : placed_) {  // In place of a partner.
      if (placed.offset >= best && fit_ == Fit::kLowest) break;
      if (placed.begin >= item.end || item.begin >= placed.end) continue;
      if (!instance_.MayShare(index, placed.item) || placed.offset % item.alignment != 0) continue;
      if (FreeFor(index, placed.offset)) return placed.offset;
    }
    return best;
  }

  void Place(int index, int64_t offset) {
    const Item& item = instance_.items[index];
    const auto after = [](int64_t at, const Placed& placed) { return at < placed.offset; };
    placed_.insert(std::upper_bound(placed_.begin(), placed_.end(), offset, after),
                   Placed{offset, offset + item.size, item.begin, item.end, index});
  }

 private:
  struct Placed {
    int64_t offset;
    int64_t top;
    int begin;
    int end;
    int item;
  };

  bool FreeFor(int index, int64_t offset) const {
    const Item& item = instance_.items[index];
    for (const Placed& placed : placed_) {
      if (placed.offset >= offset + item.size) break;
      if (placed.top <= offset || placed.begin >= item.end || item.begin >= placed.end) continue;
      if (placed.offset != offset || !instance_.MayShare(index, placed.item)) return false;
    }
    return true;
  }

  const Instance& instance_;
  Fit fit_;
  std::vector<Placed> placed_;  // By offset.
};

}  // namespace

std::optional<Packing> PlaceInOrder(const Instance& instance, absl::Span<const int> order, Fit fit, int64_t limit) {
  Packing packing{.offsets = std::vector<int64_t>(instance.items.size(), 0)};
  Placer placer(instance, fit);
  for (int i = 0; i < static_cast<int>(instance.items.size()); ++i) {
    const Item& item = instance.items[i];
    if (!item.is_fixed()) continue;
    placer.Place(i, item.fixed);
    packing.offsets[i] = item.fixed;
    if (!item.is_region()) packing.height = std::max(packing.height, item.fixed + item.size);
  }
  if (packing.height > limit) return std::nullopt;
  for (int i : order) {
    const int64_t offset = placer.Find(i);
    packing.offsets[i] = offset;
    packing.height = std::max(packing.height, offset + instance.items[i].size);
    if (packing.height > limit) return std::nullopt;
    placer.Place(i, offset);
  }
  return packing;
}

std::vector<std::vector<int>> GoodOrders(const Instance& instance) {
  const std::vector<Item>& items = instance.items;
  std::vector<int64_t> loads(instance.sections + 1, 0);
  for (const Item& item : items) {
    loads[item.begin] += item.size;
    loads[item.end] -= item.size;
  }
  for (int s = 1; s < instance.sections; ++s) loads[s] += loads[s - 1];
  // The load that an item meets, exactly for short items, roughly for long ones.
  std::vector<double> load(items.size(), 0);
  std::vector<int> movable;
  for (int i = 0; i < static_cast<int>(items.size()); ++i) {
    if (!items[i].is_fixed()) movable.push_back(i);
    const int step = std::max(1, (items[i].end - items[i].begin) / 64);
    for (int s = items[i].begin; s < items[i].end; s += step) load[i] = std::max(load[i], double(loads[s]));
  }
  const auto size = [&](int i) { return double(items[i].size); };
  const auto length = [&](int i) { return double(items[i].end - items[i].begin); };
  const auto area = [&](int i) { return size(i) * length(i); };
  const auto load_of = [&](int i) { return load[i]; };
  const auto begin = [&](int i) { return -double(items[i].begin); };
  const auto end = [&](int i) { return double(items[i].end); };
  using Key = std::function<double(int)>;
  std::vector<std::vector<int>> orders;
  for (const auto& [first, second] : std::vector<std::pair<Key, Key>>{
           {size, length}, {area, size}, {length, size}, {load_of, area}, {begin, length}, {end, length}}) {
    std::vector<std::tuple<double, double, int>> keyed;
    for (int i : movable) keyed.push_back({-first(i), -second(i), i});
    std::sort(keyed.begin(), keyed.end());
    std::vector<int>& order = orders.emplace_back();
    for (const auto& entry : keyed) order.push_back(std::get<2>(entry));
  }
  return orders;
}

}  // namespace plimsoll::memory
