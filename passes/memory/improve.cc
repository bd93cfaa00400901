#include "passes/memory/improve.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "passes/memory/portfolio.h"
#include "passes/memory/search.h"
#include "passes/memory/skyline.h"

namespace plimsoll::memory {
namespace {

constexpr size_t kMaxQuadratic = 30'000;        // Items, for placements that compare each with each.
constexpr int64_t kPlacementSteps = 1'000'000;  // Spent on placements, and at least kMinRounds of them.
constexpr int kMinRounds = 3;
constexpr int kMaxRounds = 100;
constexpr int kRoundsBeforeSearch = 4;    // Where search follows, it is the better use of time.
constexpr int64_t kFirstSearch = 20'000;  // Steps of search at one height, doubled from round to round.
constexpr int kHeights = 4;               // Heights tried in a round: the least, then nearer and nearer to the best.

void Keep(Packing packing, Part& part) {
  if (part.best.offsets.empty() || packing.height < part.best.height) part.best = std::move(packing);
}

int64_t Size(const Part& part) { return static_cast<int64_t>(part.instance.items.size()); }

void TryOrders(Part& part, int64_t goal, Limits& limits) {
  for (const std::vector<int>& order : GoodOrders(part.instance)) {
    for (Fit fit : {Fit::kLowest, Fit::kBest}) {
      if (part.best.height <= goal || !limits.Spend(Size(part))) return;
      std::optional<Packing> packing = PlaceInOrder(part.instance, order, fit, part.best.height - 1);
      if (packing.has_value()) part.best = *std::move(packing);
    }
  }
}

void TrySkylines(Part& part, int64_t goal, int rounds, Limits& limits) {
  SkylineKeys keys(part.instance);
  const int64_t begin = limits.used();
  for (int round = 0; round < rounds && (round < kMinRounds || limits.used() - begin < kPlacementSteps); ++round) {
    if (part.best.height <= goal || !limits.Spend(Size(part))) return;
    Packing packing = PlaceOnSkyline(part.instance, keys.Next());
    keys.Learn(packing, goal);
    Keep(std::move(packing), part);
  }
}

void TrySearch(Part& part, int64_t goal, bool only_goal, int64_t search_steps, Limits& limits) {
  Portfolio portfolio(part.instance);
  std::vector<int64_t> offsets;
  const int64_t end = search_steps > INT64_MAX - limits.used() ? INT64_MAX : limits.used() + search_steps;
  int64_t steps = kFirstSearch;
  for (int level = 0; part.best.height > goal && limits.used() < end && !limits.reached();) {
    // The share of the way from the goal to the best: 0, 1/2, 3/4, 7/8.
    int64_t height = goal;
    if (level > 0) height += (part.best.height - 1 - goal) - ((part.best.height - 1 - goal) >> level);
    const int64_t most = std::min(end - limits.used(), only_goal ? INT64_MAX : steps);
    switch (portfolio.Run(height, most, limits, offsets)) {
      case SearchOutcome::kFound: {
        Packing packing{.offsets = std::vector<int64_t>(part.instance.items.size())};
        for (size_t i = 0; i < offsets.size(); ++i) {
          const Item& item = part.instance.items[i];
          packing.offsets[i] = item.is_fixed() ? item.fixed : offsets[i];
          if (!item.is_region()) packing.height = std::max(packing.height, packing.offsets[i] + item.size);
        }
        Keep(std::move(packing), part);
        break;
      }
      case SearchOutcome::kInfeasible:
        part.bound = std::max(part.bound, height + 1);
        if (height >= goal && only_goal) return;
        goal = std::max(goal, height + 1);
        break;
      case SearchOutcome::kLimit:
        if (only_goal) return;
        if (++level == kHeights || part.best.height - goal <= (int64_t{1} << level)) {
          level = 0;
          steps *= 2;
        }
        break;
    }
  }
}

}  // namespace

void PlaceFirst(Part& part) {
  if (SkylineApplies(part.instance)) {
    part.best = PlaceOnSkyline(part.instance, SkylineKeys(part.instance).Next());
  } else {
    part.best = *PlaceInOrder(part.instance, GoodOrders(part.instance).front(), Fit::kLowest, INT64_MAX);
  }
}

void Improve(Part& part, int64_t goal, bool only_goal, int64_t search_steps, Limits& limits) {
  if (part.best.height <= goal || limits.reached()) return;
  const bool quadratic = part.instance.items.size() <= kMaxQuadratic;
  const bool search = SearchApplies(part.instance);
  if (SkylineApplies(part.instance)) TrySkylines(part, goal, search ? kRoundsBeforeSearch : kMaxRounds, limits);
  if (quadratic && !search && part.best.height > goal) TryOrders(part, goal, limits);
  if (part.best.height > goal && !limits.reached() && search) {
    TrySearch(part, goal, only_goal, search_steps, limits);
  }
}

}  // namespace plimsoll::memory
