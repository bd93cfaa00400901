// The parts of the solver one by one, against brute force, on problems where the exact search would otherwise decide.

#include <algorithm>
#include <numeric>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "passes/checkpoint/anneal.h"
#include "passes/checkpoint/bound.h"
#include "passes/checkpoint/construct.h"
#include "passes/checkpoint/exact.h"
#include "passes/checkpoint/free_bound.h"
#include "passes/checkpoint/graph.h"
#include "passes/checkpoint/random.h"
#include "passes/checkpoint/test_problems.h"
#include "passes/checkpoint/timeline.h"
#include "passes/checkpoint/tree.h"
#include "passes/checkpoint/validator.h"

namespace plimsoll::checkpoint {
namespace {

// Problem, graph and a budget between the floor and the peak without rematerialization.
struct Case {
  Problem problem;
  Graph graph;
  int64_t budget = 0;
};

Case RandomCase(uint32_t seed) {
  Case c;
  c.problem = RandomProblem(4 + seed % 4, seed % 2 == 0, seed);
  c.graph = BuildGraph(c.problem, OrderOf(c.problem));
  const int64_t floor = Floor(c.problem), peak = PeakWithoutRematerialization(c.problem);
  c.budget = floor + (peak - floor) * static_cast<int64_t>(seed % 5) / 4;
  return c;
}

TEST(SearchTest, SequencesOfEveryPartAreValid) {
  int constructed = 0, annealed = 0, possible = 0, optimal = 0;
  for (uint32_t seed = 0; seed < 600; ++seed) {
    const Case c = RandomCase(seed);
    const std::optional<double> best_cost = BruteForceCost(c.problem, c.budget);
    const std::vector<int> built = Construct(c.graph, c.budget);
    std::vector<int> start(c.graph.nodes()), best = built;
    std::iota(start.begin(), start.end(), 0);
    schedule::Budget effort(100'000, 0);
    Anneal(c.graph, c.budget, built.empty() ? start : built, 0, seed, best, effort);
    for (const std::vector<int>& sequence : {built, best}) {
      if (sequence.empty()) continue;
      const Solution solution = ToSolution(c.problem, c.graph, sequence);
      ASSERT_TRUE(Validate(c.problem, c.budget, solution).ok())
          << "seed " << seed << ": " << Validate(c.problem, c.budget, solution);
      ASSERT_TRUE(best_cost.has_value()) << "seed " << seed;
      ASSERT_GE(solution.cost, *best_cost - 1e-9) << "seed " << seed;
    }
    constructed += !built.empty();
    annealed += !best.empty();
    possible += best_cost.has_value();
    optimal += !best.empty() && ToSolution(c.problem, c.graph, best).cost < *best_cost + 1e-9;
  }
  // What the heuristics reach by themselves.
  EXPECT_GE(constructed, possible * 90 / 100);
  EXPECT_GE(annealed, possible * 98 / 100);
  EXPECT_GE(optimal, possible * 95 / 100);
}

TEST(SearchTest, FixedOrderBoundIsABound) {
  int positive = 0;
  for (uint32_t seed = 0; seed < 4000; seed += 2) {
    const Case c = RandomCase(seed);
    schedule::Budget effort(100'000, 0);
    const double bound = FixedOrderBound(c.graph, c.budget, c.graph.total_cost, effort);
    const std::optional<double> best = BruteForceCost(c.problem, c.budget);
    if (!best) continue;
    EXPECT_LE(c.graph.total_cost + bound, *best + 1e-9) << "seed " << seed;
    positive += bound > 0;
  }
  EXPECT_GT(positive, 100);
}

TEST(SearchTest, FreeOrderBoundIsABound) {
  int positive = 0;
  for (uint32_t seed = 1; seed < 4000; seed += 2) {
    const Case c = RandomCase(seed);
    schedule::Budget effort(1'000'000, 0);
    const double bound = FreeOrderBound(c.graph, c.budget, effort);
    const std::optional<double> best = BruteForceCost(c.problem, c.budget);
    if (!best) continue;
    EXPECT_LE(c.graph.total_cost + bound, *best + 1e-6) << "seed " << seed;
    positive += bound > 0;
  }
  EXPECT_GT(positive, 50);
}

// Stopped at any number of states, the exact search gives a bound.
TEST(SearchTest, StoppedSearchesAreBounds) {
  for (uint32_t seed = 0; seed < 500; ++seed) {
    const Case c = RandomCase(seed);
    const std::optional<double> best = BruteForceCost(c.problem, c.budget);
    for (int states : {1, 3, 10, 50}) {
      const ExactResult result = SearchCost(c.graph, c.budget, states);
      if (result.infeasible) EXPECT_FALSE(best.has_value());
      if (best) EXPECT_LE(c.graph.total_cost + result.extra, *best + 1e-9) << "seed " << seed;
      const int64_t bytes = SearchMemory(c.graph, states, nullptr);
      if (best) EXPECT_LE(bytes, c.budget) << "seed " << seed;
    }
  }
}

// Forests are solved whole: the order of least peak is that of the exhaustive search, and nothing less is feasible.
TEST(SearchTest, ForestsAreExact) {
  int below_given = 0;
  for (uint32_t seed = 0; seed < 600; ++seed) {
    Random random(seed);
    Problem problem;
    const int n = 2 + random.Below(7);
    problem.nodes.resize(n);
    for (int v = 0; v < n; ++v) {
      problem.nodes[v].size = random.Below(12);
      problem.nodes[v].cost = 1;
      const int user = v + 1 + random.Below(3);
      if (user < n) {
        problem.nodes[user].inputs.push_back(v);
      } else if (random.Below(3) > 0) {
        problem.outputs.push_back(v);
      }
    }
    const Graph graph = BuildGraph(problem, OrderOf(problem));
    ASSERT_TRUE(IsForest(graph));
    const int64_t peak = PeakOf(graph, ForestOrder(graph));
    EXPECT_TRUE(BruteForceCost(problem, peak).has_value()) << "seed " << seed;
    if (peak > 0) EXPECT_FALSE(BruteForceCost(problem, peak - 1).has_value()) << "seed " << seed;
    below_given += peak < PeakWithoutRematerialization(problem);
  }
  EXPECT_GT(below_given, 50);
}

// Memory, overload and cost kept up to date by random changes equal those of a timeline laid out anew.
TEST(SearchTest, TimelineStaysTrueUnderChanges) {
  for (uint32_t seed = 0; seed < 200; ++seed) {
    const Case c = RandomCase(seed);
    Random random(seed);
    std::vector<int> order(c.graph.nodes());
    std::iota(order.begin(), order.end(), 0);
    Timeline timeline(c.graph, c.budget, order);
    for (int i = 0; i < 60; ++i) {
      const int v = random.Below(c.graph.nodes()), slot = random.Below(timeline.slots());
      const int copies = static_cast<int>(timeline.copies(v).size());
      const std::vector<int> before = timeline.Sequence();
      const double overload = timeline.overload();
      const int kind = random.Below(3);
      bool done = false;
      if (kind == 0) {
        done = timeline.Remove(v, random.Below(copies));
      } else if (timeline.at(slot) < 0) {
        done = kind == 1 ? timeline.Add(v, slot) : timeline.Shift(v, random.Below(copies), slot);
      }
      if (!done) {
        ASSERT_EQ(timeline.Sequence(), before);
        ASSERT_EQ(timeline.overload(), overload);
      }
      const std::vector<int> sequence = timeline.Sequence();
      double peak = 0;
      for (int s = 0; s < timeline.slots(); ++s) peak = std::max(peak, timeline.memory(s));
      const Solution solution = ToSolution(c.problem, c.graph, sequence);
      ASSERT_TRUE(Validate(c.problem, solution.peak, solution).ok()) << Validate(c.problem, solution.peak, solution);
      ASSERT_EQ(peak, static_cast<double>(solution.peak)) << "seed " << seed;
      ASSERT_EQ(timeline.overload() > 0, solution.peak > c.budget);
      ASSERT_DOUBLE_EQ(timeline.cost(), solution.cost);
      if (random.Below(3) == 0) {
        timeline.Undo(0);
        ASSERT_LE(timeline.length(), static_cast<int>(sequence.size()) + 60);
      }
      if (random.Below(4) == 0) timeline.Spread();
    }
    timeline.Undo(0);
  }
}

TEST(SearchTest, UndoRestores) {
  const Case c = RandomCase(7);
  std::vector<int> order(c.graph.nodes());
  std::iota(order.begin(), order.end(), 0);
  Timeline timeline(c.graph, c.budget, order);
  Random random(1);
  const double overload = timeline.overload(), cost = timeline.cost();
  for (int i = 0; i < 50; ++i) {
    const int slot = random.Below(timeline.slots());
    if (timeline.at(slot) < 0) timeline.Add(random.Below(c.graph.nodes()), slot);
  }
  EXPECT_GT(timeline.Mark(), 2);
  timeline.Undo(0);
  EXPECT_EQ(timeline.Sequence(), order);
  EXPECT_EQ(timeline.overload(), overload);
  EXPECT_EQ(timeline.cost(), cost);
}

}  // namespace
}  // namespace plimsoll::checkpoint
