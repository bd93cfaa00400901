#include "passes/memory/improve.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "passes/memory/portfolio.h"
#include "passes/memory/search.h"
#include "passes/memory/skyline.h"
#include "passes/memory/skyline_keys.h"

namespace plimsoll::memory {
namespace {

constexpr int64_t kMaxQuadratic = 20'000;       // Items, for placements that compare each with each.
constexpr int64_t kPlacementSteps = 1'000'000;  // Items placed by all placements of one part, the first apart.
constexpr int64_t kMaxCareful = 300'000;        // Items; above, the skyline looks at keys alone where
constexpr double kManyAlive = 0.05;             // more than this share of them is alive at once.
constexpr int kMaxRounds = 100;
constexpr int kRoundsBeforeSearch = 4;                      // Where search follows, it is the better use of time.
constexpr double kPeaks[] = {0.97, 0.95, 0.9, 0.85, 0.75};  // Shares of the goal; loads from there on are the peak.
constexpr int64_t kMinPeak = 600;                           // Items of a part below which search takes it whole.
constexpr size_t kMaxPeak = 4000;                           // Items of a peak, for search.
constexpr int64_t kMaxAroundPeak = 200'000;                 // Items of a part, to be placed again around each peak.
constexpr int64_t kPeakSteps = 200'000;                     // Steps of search for one peak.
constexpr int64_t kFirstSearch = 20'000;  // Steps of search at one height, doubled from round to round.
constexpr int kHeights = 4;               // Heights tried in a round: the least, then nearer and nearer to the best.

void Keep(Packing packing, Part& part) {
  if (part.best.offsets.empty() || packing.height < part.best.height) part.best = std::move(packing);
}

int64_t Size(const Part& part) { return static_cast<int64_t>(part.instance.items.size()); }

// The goal for the skyline; beyond all bounds, so that keys alone decide, where so many items are alive at once that
// its queries would take minutes. Little is lost there: items are small against the load.
int64_t SkylineGoal(const Part& part, int64_t goal) {
  if (Size(part) <= kMaxCareful) return goal;
  double alive = 0;
  for (const Item& item : part.instance.items) alive += double(item.end - item.begin) / part.instance.sections;
  return alive > kManyAlive * double(Size(part)) ? INT64_MAX : goal;
}

// Lowers `best`, if it can, by placing what is not fixed in each of the good orders.
void TryOrders(const Instance& instance, int64_t goal, Limits& limits, Packing& best) {
  const int64_t size = static_cast<int64_t>(instance.items.size());
  for (const std::vector<int>& order : GoodOrders(instance)) {
    for (Fit fit : {Fit::kLowest, Fit::kBest}) {
      if (best.height <= goal || !limits.Spend(size + size * size / 1000)) return;
      std::optional<Packing> packing = PlaceInOrder(instance, order, fit, best.height - 1);
      if (packing.has_value()) best = *std::move(packing);
    }
  }
}

// Places with the keys that follow, from `first_round` to before `rounds`; round 0 is PlaceFirst.
void TrySkylines(Part& part, int64_t goal, int first_round, int rounds, SkylineKeys& keys, Limits& limits) {
  for (int round = first_round; round < rounds; ++round) {
    if (round * Size(part) >= kPlacementSteps) return;
    if (part.best.height <= goal || !limits.Spend(Size(part))) return;
    Keep(PlaceOnSkyline(part.instance, keys.Next(), SkylineGoal(part, goal)), part);
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

// The items alive at some section whose load is at least `threshold`, ascending.
std::vector<int> ItemsAtPeak(const Instance& instance, double threshold) {
  std::vector<int64_t> change(instance.sections + 1, 0);
  for (const Item& item : instance.items) {
    change[item.begin] += item.size;
    change[item.end] -= item.size;
  }
  std::vector<int> peaks(instance.sections + 1, 0);  // Before each section, how many are at the peak.
  int64_t load = 0;
  for (int s = 0; s < instance.sections; ++s) {
    load += change[s];
    peaks[s + 1] = peaks[s] + (double(load) >= threshold ? 1 : 0);
  }
  std::vector<int> items;
  for (int i = 0; i < static_cast<int>(instance.items.size()); ++i) {
    if (peaks[instance.items[i].end] > peaks[instance.items[i].begin]) items.push_back(i);
  }
  return items;
}

// Packs the items of the peak by themselves, with all care; then the others around them, which have room.
void TryPeaks(Part& part, int64_t goal, Limits& limits) {
  std::vector<int> last;
  for (double share : kPeaks) {
    if (part.best.height <= goal || limits.reached()) return;
    std::vector<int> items = ItemsAtPeak(part.instance, share * double(goal));
    if (items.size() > kMaxPeak || 4 * items.size() > 3 * part.instance.items.size()) return;
    if (items == last) continue;
    last = items;
    Part peak{Restrict(part.instance, items), part.bound, {}};
    if (!SkylineApplies(peak.instance) || !SearchApplies(peak.instance)) return;
    PlaceFirst(peak);
    SkylineKeys keys(peak.instance);
    keys.Next();  // Of PlaceFirst.
    TrySkylines(peak, goal, 1, kRoundsBeforeSearch, keys, limits);
    if (peak.best.height > goal) TrySearch(peak, goal, true, kPeakSteps, limits);
    if (peak.best.height >= part.best.height) return;  // A wider peak is no lower.
    Instance around = part.instance;
    for (size_t k = 0; k < items.size(); ++k) around.items[items[k]].fixed = peak.best.offsets[k];
    SkylineKeys around_keys(around);
    for (int round = 0; round < kRoundsBeforeSearch; ++round) {
      if (part.best.height <= goal || !limits.Spend(Size(part))) return;
      Keep(PlaceOnSkyline(around, around_keys.Next(), goal), part);
    }
    if (Size(part) > kMaxQuadratic) return;
    TryOrders(around, goal, limits, part.best);
  }
}

}  // namespace

void PlaceFirst(Part& part) {
  if (SkylineApplies(part.instance)) {
    part.best = PlaceOnSkyline(part.instance, SkylineKeys(part.instance).Next(), SkylineGoal(part, part.bound));
  } else {
    part.best = *PlaceInOrder(part.instance, GoodOrders(part.instance).front(), Fit::kLowest, INT64_MAX);
  }
}

void Improve(Part& part, int64_t goal, bool only_goal, int64_t search_steps, Limits& limits) {
  if (part.best.height <= goal || limits.reached()) return;
  const bool search = SearchApplies(part.instance);
  const bool skyline = SkylineApplies(part.instance);
  std::optional<SkylineKeys> keys;
  if (skyline) {
    keys.emplace(part.instance);
    keys->Next();  // Of PlaceFirst.
    TrySkylines(part, goal, 1, kRoundsBeforeSearch, *keys, limits);
  }
  if (skyline && Size(part) >= kMinPeak && Size(part) <= kMaxAroundPeak) TryPeaks(part, goal, limits);
  if (skyline && !search) TrySkylines(part, goal, kRoundsBeforeSearch, kMaxRounds, *keys, limits);
  if (Size(part) <= kMaxQuadratic && !search && part.best.height > goal)
    TryOrders(part.instance, goal, limits, part.best);
  if (part.best.height > goal && !limits.reached() && search) {
    TrySearch(part, goal, only_goal, search_steps, limits);
  }
}

}  // namespace plimsoll::memory
