#include "passes/memory/bound.h"

#include <algorithm>
#include <numeric>
#include <set>
#include <utility>
#include <vector>

namespace plimsoll::memory {
namespace {

int Find(std::vector<int>& parent, int i) {
  while (parent[i] != i) i = parent[i] = parent[parent[i]];
  return i;
}

// The items joined by in-place pairs, directly or through others: by item, the number of its set.
std::vector<int> SharingSets(const Instance& instance) {
  std::vector<int> parent(instance.items.size());
  std::iota(parent.begin(), parent.end(), 0);
  for (size_t a = 0; a < instance.partners.size(); ++a) {
    for (int b : instance.partners[a]) parent[Find(parent, static_cast<int>(a))] = Find(parent, b);
  }
  for (size_t i = 0; i < parent.size(); ++i) parent[i] = Find(parent, static_cast<int>(i));
  return parent;
}

// The least height under which `load` bytes fit beside the address intervals `taken`.
int64_t HeightBeside(std::vector<std::pair<int64_t, int64_t>>& taken, int64_t load) {
  std::sort(taken.begin(), taken.end());
  int64_t top = 0;
  for (const auto& [begin, end] : taken) {
    if (load == 0) return top;
    if (begin - top >= load) return top + load;
    if (begin > top) load -= begin - top;
    top = std::max(top, end);
  }
  return top + load;
}

}  // namespace

int64_t LowerBound(const Instance& instance) {
  const std::vector<Item>& items = instance.items;
  const int count = static_cast<int>(items.size());
  int64_t unit = 0, bound = 0, slop = 0;
  std::vector<int> fixed;
  for (int i = 0; i < count; ++i) {
    if (items[i].is_fixed()) {
      fixed.push_back(i);
      if (!items[i].is_region()) bound = std::max(bound, items[i].fixed + items[i].size);
    } else {
      unit = std::gcd(unit, items[i].alignment);
    }
  }
  // Beside something fixed each gap has a topmost buffer of its own: no rounding then.
  if (!fixed.empty() || unit == 0) unit = 1;
  const std::vector<int> set_of = SharingSets(instance);
  std::vector<bool> set_is_fixed(count, false);  // What shares with something fixed may need no place of its own.
  for (int i : fixed) set_is_fixed[set_of[i]] = true;
  const auto padded = [&](const Item& item) { return (item.size + unit - 1) / unit * unit; };

  std::vector<std::vector<int>> begins(instance.sections), ends(instance.sections + 1);
  for (int i = 0; i < count; ++i) {
    if (items[i].is_fixed() || set_is_fixed[set_of[i]]) continue;
    begins[items[i].begin].push_back(i);
    ends[items[i].end].push_back(i);
    slop = std::max(slop, padded(items[i]) - items[i].size);
  }
  // By section, the load of what is free to move.
  std::vector<int64_t> loads(instance.sections, 0);
  std::vector<std::multiset<int64_t>> sizes(instance.partners.empty() ? 0 : count);
  int64_t load = 0;
  const auto change = [&](int i, bool enter) {
    const int64_t size = padded(items[i]);
    if (sizes.empty()) {
      load += enter ? size : -size;
      return;
    }
    std::multiset<int64_t>& alive = sizes[set_of[i]];
    load -= alive.empty() ? 0 : *alive.rbegin();
    if (enter) {
      alive.insert(size);
    } else {
      alive.erase(alive.find(size));
    }
    load += alive.empty() ? 0 : *alive.rbegin();
  };
  for (int s = 0; s < instance.sections; ++s) {
    for (int i : ends[s]) change(i, false);
    for (int i : begins[s]) change(i, true);
    loads[s] = load;
    bound = std::max(bound, load - slop);
  }
  // Beside fixed items; skipped where it would cost too much, which only weakens the bound.
  if (fixed.empty() || static_cast<int64_t>(fixed.size()) * instance.sections > int64_t{100'000'000}) return bound;
  std::vector<std::pair<int64_t, int64_t>> taken;
  for (int s = 0; s < instance.sections; ++s) {
    if (loads[s] <= slop) continue;
    taken.clear();
    for (int i : fixed) {
      if (items[i].begin <= s && s < items[i].end) taken.push_back({items[i].fixed, items[i].fixed + items[i].size});
    }
    if (!taken.empty()) bound = std::max(bound, HeightBeside(taken, loads[s] - slop));
  }
  return bound;
}

absl::StatusOr<int64_t> LowerBound(const Problem& problem) {
  if (absl::Status status = CheckProblem(problem); !status.ok()) return status;
  int64_t bound = 0;
  for (const Instance& instance : BuildInstances(problem)) bound += LowerBound(instance);
  return bound;
}

}  // namespace plimsoll::memory
