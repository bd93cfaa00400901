#include "passes/memory/instance.h"

#include <algorithm>
#include <map>
#include <utility>

namespace plimsoll::memory {
namespace {

struct Interval {
  int64_t lower;
  int64_t upper;
};

// Sets the sections of `items`, which are alive in `intervals`; returns their number.
int NumberSections(absl::Span<const Interval> intervals, std::vector<Item>& items) {
  std::vector<std::pair<int64_t, int>> starts, ends;
  for (int i = 0; i < static_cast<int>(intervals.size()); ++i) {
    starts.push_back({intervals[i].lower, i});
    ends.push_back({intervals[i].upper, i});
  }
  std::sort(starts.begin(), starts.end());
  std::sort(ends.begin(), ends.end());
  int section = 0;
  bool open = false;  // Something has begun since the last section was closed.
  size_t next_start = 0;
  for (const auto& [time, index] : ends) {
    for (; next_start < starts.size() && starts[next_start].first < time; ++next_start) {
      items[starts[next_start].second].begin = section;
      open = true;
    }
    if (open) ++section;
    open = false;
    items[index].end = section;
  }
  return section;
}

}  // namespace

bool Instance::MayShare(int a, int b) const {
  return !partners.empty() && std::binary_search(partners[a].begin(), partners[a].end(), b);
}

std::vector<Instance> BuildInstances(const Problem& problem) {
  std::map<int, Instance> arenas;
  std::map<int, std::vector<Interval>> intervals;
  std::vector<int> item_of(problem.buffers.size(), -1);
  for (int i = 0; i < static_cast<int>(problem.buffers.size()); ++i) {
    const Buffer& buffer = problem.buffers[i];
    if (buffer.size == 0) continue;
    Instance& instance = arenas[buffer.arena];
    item_of[i] = static_cast<int>(instance.items.size());
    instance.items.push_back(
        {.size = buffer.size, .alignment = buffer.alignment, .fixed = buffer.fixed_offset.value_or(-1), .buffer = i});
    intervals[buffer.arena].push_back({buffer.lower, buffer.upper});
  }
  for (const Region& region : problem.forbidden) {
    auto arena = arenas.find(region.arena);
    if (arena == arenas.end()) continue;
    arena->second.items.push_back({.size = region.end - region.begin, .fixed = region.begin});
    intervals[region.arena].push_back({region.lower, region.upper});
  }
  for (const auto& [a, b] : problem.may_share) {
    if (problem.buffers[a].arena != problem.buffers[b].arena || item_of[a] < 0 || item_of[b] < 0) continue;
    Instance& instance = arenas[problem.buffers[a].arena];
    instance.partners.resize(instance.items.size());
    instance.partners[item_of[a]].push_back(item_of[b]);
    instance.partners[item_of[b]].push_back(item_of[a]);
  }
  std::vector<Instance> result;
  for (auto& [arena, instance] : arenas) {
    instance.arena = arena;
    instance.sections = NumberSections(intervals[arena], instance.items);
    for (std::vector<int>& partners : instance.partners) {
      std::sort(partners.begin(), partners.end());
      partners.erase(std::unique(partners.begin(), partners.end()), partners.end());
    }
    result.push_back(std::move(instance));
  }
  return result;
}

Instance Restrict(const Instance& instance, absl::Span<const int> indices) {
  Instance part;
  part.arena = instance.arena;
  std::vector<Interval> intervals;
  for (int index : indices) {
    part.items.push_back(instance.items[index]);
    intervals.push_back({instance.items[index].begin, instance.items[index].end});
  }
  part.sections = NumberSections(intervals, part.items);
  if (instance.partners.empty()) return part;
  for (int index : indices) {
    std::vector<int>& partners = part.partners.emplace_back();
    for (int other : instance.partners[index]) {
      const auto found = std::lower_bound(indices.begin(), indices.end(), other);
      if (found != indices.end() && *found == other) partners.push_back(static_cast<int>(found - indices.begin()));
    }
  }
  return part;
}

std::vector<Instance> SplitByTime(const Instance& instance) {
  // component[s]: sections s - 1 and s have no item in common exactly if the number changes between them.
  std::vector<int> crossing(instance.sections + 1, 0);
  for (const Item& item : instance.items) {
    ++crossing[item.begin];
    --crossing[item.end - 1];
  }
  std::vector<int> component(instance.sections, 0);
  for (int s = 0, alive = 0, number = 0; s < instance.sections; ++s) {
    component[s] = number;
    alive += crossing[s];
    if (alive == 0) ++number;
  }
  const int count = instance.sections == 0 ? 0 : component.back() + 1;
  std::vector<std::vector<int>> members(count);
  for (int i = 0; i < static_cast<int>(instance.items.size()); ++i) {
    members[component[instance.items[i].begin]].push_back(i);
  }
  std::vector<Instance> parts;
  for (const std::vector<int>& part : members) parts.push_back(Restrict(instance, part));
  return parts;
}

}  // namespace plimsoll::memory
