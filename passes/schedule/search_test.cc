#include "passes/schedule/search.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <vector>

#include "gtest/gtest.h"
#include "passes/schedule/greedy.h"
#include "passes/schedule/min_cut.h"
#include "passes/schedule/reduce.h"
#include "passes/schedule/segments.h"
#include "passes/schedule/test_problems.h"

namespace plimsoll::schedule {
namespace {

constexpr int kAnyWidth = 1 << 30;

// The least peak by searches for rising targets, each exhaustive.
int64_t SearchPeak(const Graph& graph) {
  for (int64_t target = 0;;) {
    Budget budget(1'000'000'000, 0);
    const SearchResult result = Search(graph, target, kAnyWidth, budget);
    if (result.found) {
      EXPECT_TRUE(IsTopological(graph, result.order));
      EXPECT_EQ(static_cast<int>(result.order.size()), graph.size());
      EXPECT_LE(PeakOf(graph, result.order), target);
      return target;
    }
    EXPECT_TRUE(result.complete);
    EXPECT_GT(result.lower_bound, target);
    target = result.lower_bound;
  }
}

TEST(SearchTest, RisingTargetsEndAtTheLeastPeakInBothDirections) {
  for (int seed = 0; seed < 300; ++seed) {
    const Problem problem = RandomProblem(2 + seed % 11, seed);
    const Graph graph = BuildGraph(problem);
    const int64_t best = SubsetPeak(problem);
    EXPECT_EQ(SearchPeak(graph), best) << seed;
    EXPECT_EQ(SearchPeak(Reverse(graph)), best) << seed;
  }
}

TEST(SearchTest, NarrowSearchesClaimNoProof) {
  for (int seed = 0; seed < 200; ++seed) {
    const Problem problem = RandomProblem(12, seed);
    const int64_t best = SubsetPeak(problem);
    Budget budget(1'000'000, 0);
    const SearchResult result = Search(BuildGraph(problem), best, 1, budget);
    if (!result.found) EXPECT_FALSE(result.complete) << seed;
  }
}

TEST(ReduceTest, LeastPeakStaysAndOrdersExpand) {
  int fused = 0;
  for (int seed = 0; seed < 400; ++seed) {
    const Problem problem = RandomProblem(2 + seed % 12, 7000 + seed);
    const Graph graph = BuildGraph(problem), reduced = Reduce(graph);
    const int64_t best = SubsetPeak(problem);
    EXPECT_EQ(SearchPeak(reduced), best) << seed;
    fused += graph.size() - reduced.size();
    // Any order of the reduced graph is one of the graph, of the same peak.
    std::vector<int> index(reduced.size());
    std::iota(index.begin(), index.end(), 0);
    for (Rule rule : {Rule::kRank, Rule::kRise, Rule::kDepth}) {
      const std::vector<int> order = Greedy(reduced, rule, index), expanded = Expand(reduced, order);
      ASSERT_TRUE(IsTopological(graph, expanded)) << seed;
      EXPECT_EQ(PeakOf(graph, expanded), PeakOf(reduced, order)) << seed;
    }
  }
  EXPECT_GT(fused, 400);
}

TEST(WindowTest, PeakOfAnOrderIsTheLargestOfItsWindows) {
  for (int seed = 0; seed < 200; ++seed) {
    const Graph graph = BuildGraph(RandomProblem(20, seed));
    std::vector<int> index(graph.size());
    std::iota(index.begin(), index.end(), 0);
    const Profile profile = MakeProfile(graph, Greedy(graph, Rule::kNet, index));
    int64_t peak = 0;
    for (int begin = 0; begin < 20; begin += 5) {
      const Graph window = Window(graph, profile, begin, begin + 5);
      std::vector<int> local(5);
      std::iota(local.begin(), local.end(), 0);
      peak = std::max(peak, PeakOf(window, local));
    }
    EXPECT_EQ(peak, profile.peak) << seed;
    EXPECT_EQ(peak, PeakOf(graph, profile.order)) << seed;
  }
}

TEST(WindowTest, ReorderedWindowsKeepTheProfile) {
  for (int seed = 0; seed < 200; ++seed) {
    const Graph graph = BuildGraph(RandomProblem(20, seed));
    std::vector<int> index(graph.size());
    std::iota(index.begin(), index.end(), 0);
    Profile profile = MakeProfile(graph, Greedy(graph, Rule::kNet, index));
    for (int begin : {3, 0, 9}) {
      const Graph window = Window(graph, profile, begin, begin + 8);
      ReorderWindow(window, Greedy(window, Rule::kDepth, std::vector<int>(8, 0)), begin, profile);
      const Profile afresh = MakeProfile(graph, profile.order);
      ASSERT_TRUE(IsTopological(graph, profile.order));
      EXPECT_EQ(profile.during, afresh.during) << seed;
      EXPECT_EQ(profile.before, afresh.before) << seed;
      EXPECT_EQ(profile.position, afresh.position) << seed;
    }
  }
}

TEST(SegmentsTest, EveryOrderPassesThroughTheBounds) {
  int divided = 0;
  for (int seed = 0; seed < 200; ++seed) {
    const Graph graph = BuildGraph(RandomProblem(8, seed));
    std::vector<int> index(graph.size());
    std::iota(index.begin(), index.end(), 0);
    const std::vector<int> order = Greedy(graph, Rule::kNet, index), bounds = Divide(graph, order);
    const std::vector<int> other = Greedy(graph, Rule::kDepth, index);
    for (int bound : bounds) {
      std::vector<int> a(order.begin(), order.begin() + bound);
      std::vector<int> b(other.begin(), other.begin() + bound);
      std::sort(a.begin(), a.end());
      std::sort(b.begin(), b.end());
      EXPECT_EQ(a, b) << seed;
    }
    divided += static_cast<int>(bounds.size()) - 2;
  }
  EXPECT_GT(divided, 0);
}

// Memory after the nodes of `set`, from the definition.
int64_t Held(const Graph& graph, uint32_t set) {
  int64_t bytes = graph.base;
  for (const Value& value : graph.values) {
    bool begun = value.starters.empty(), open = value.enders.empty();
    for (int v : value.starters) begun |= set >> v & 1;
    for (int v : value.enders) open |= !(set >> v & 1);
    if (begun && open) bytes += value.size;
  }
  return bytes;
}

TEST(MinCutTest, FindsTheMomentOfLeastMemory) {
  for (int seed = 0; seed < 300; ++seed) {
    Graph graph = Reduce(BuildGraph(RandomProblem(9, seed)));
    if (seed % 3 == 0) graph = Reverse(graph);
    const int n = graph.size();
    // A node and what precedes it have run; another and what follows it have not.
    std::vector<Side> sides(n, Side::kFree);
    const std::vector<int> order = Greedy(graph, Rule::kDepth, std::vector<int>(n, 0));
    for (int i = 0; i < n / 4; ++i) sides[order[i]] = Side::kBefore;
    for (int i = n - n / 4; i < n; ++i) sides[order[i]] = Side::kAfter;
    int64_t least = std::numeric_limits<int64_t>::max();
    for (uint32_t set = 0; set < 1u << n; ++set) {
      bool allowed = true;
      for (int v = 0; v < n && allowed; ++v) {
        const bool in = set >> v & 1;
        if (sides[v] == Side::kBefore) allowed = in;
        if (sides[v] == Side::kAfter) allowed = !in;
        for (int p : graph.preds[v]) allowed &= !in || (set >> p & 1);
      }
      if (allowed) least = std::min(least, Held(graph, set));
    }
    Budget budget(1'000'000, 0);
    const Moment moment = LeastMoment(graph, sides, budget);
    ASSERT_TRUE(moment.complete);
    EXPECT_EQ(moment.bytes, least) << seed;
    uint32_t found = 0;
    for (int v = 0; v < n; ++v) found |= static_cast<uint32_t>(moment.before[v] || sides[v] == Side::kBefore) << v;
    EXPECT_EQ(Held(graph, found), least) << seed;
  }
}

}  // namespace
}  // namespace plimsoll::schedule
