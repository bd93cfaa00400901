#include "passes/checkpoint/solver.h"

#include <algorithm>
#include <cmath>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "passes/checkpoint/families.h"
#include "passes/checkpoint/test_problems.h"
#include "passes/checkpoint/validator.h"

namespace plimsoll::checkpoint {
namespace {

TEST(SolverTest, SmallProblemsEqualBruteForce) {
  int recomputed = 0, infeasible = 0;
  for (uint32_t seed = 0; seed < 3000; ++seed) {
    const Problem problem = RandomProblem(3 + seed % 5, seed % 2 == 0, seed);
    ASSERT_TRUE(Check(problem).ok()) << Check(problem);
    const int64_t peak = PeakWithoutRematerialization(problem), floor = Floor(problem);
    const int64_t budget = floor - 1 + (peak - floor + 2) * static_cast<int64_t>(seed % 7) / 6;
    if (budget < 0) continue;
    const auto answers = Solve(problem, {budget});
    ASSERT_TRUE(answers.ok()) << answers.status();
    const Answer& answer = answers->front();
    const std::optional<double> expected = BruteForceCost(problem, budget);
    ASSERT_EQ(answer.status.ok(), expected.has_value()) << "seed " << seed << ": " << answer.status;
    if (!expected) {
      EXPECT_EQ(answer.status.code(), absl::StatusCode::kResourceExhausted);
      EXPECT_GT(answer.memory_bound, budget) << "seed " << seed;
      EXPECT_TRUE(BruteForceCost(problem, std::max(answer.memory_bound, peak)).has_value());
      if (answer.memory_bound > 0) EXPECT_FALSE(BruteForceCost(problem, answer.memory_bound - 1).has_value());
      ++infeasible;
      continue;
    }
    ASSERT_TRUE(Validate(problem, budget, answer.solution).ok())
        << "seed " << seed << ": " << Validate(problem, budget, answer.solution);
    EXPECT_DOUBLE_EQ(answer.solution.cost, *expected) << "seed " << seed;
    EXPECT_TRUE(answer.solution.proven_optimal) << "seed " << seed;
    recomputed += answer.solution.sequence.size() > problem.nodes.size();
  }
  EXPECT_GT(recomputed, 100);
  EXPECT_GT(infeasible, 100);
}

TEST(SolverTest, LargerBudgetsNeverCostMore) {
  const Problem problem = Layered(60, 150, 0.27, 5);
  const int64_t peak = PeakWithoutRematerialization(problem);
  std::vector<int64_t> budgets;
  for (int share = 100; share >= 20; share -= share > 70 ? 2 : 20) budgets.push_back(peak * share / 100);
  Options options;
  options.max_steps = 500'000;
  const auto answers = Solve(problem, budgets, options);
  ASSERT_TRUE(answers.ok()) << answers.status();
  double cost = 0, bound = 0;
  bool met = true;
  int solved = 0;
  for (const Answer& answer : *answers) {
    EXPECT_TRUE(met || !answer.status.ok()) << answer.budget;
    met = answer.status.ok();
    if (!met) {
      EXPECT_GE(answer.memory_bound, Floor(problem));
      continue;
    }
    ++solved;
    EXPECT_TRUE(Validate(problem, answer.budget, answer.solution).ok());
    EXPECT_GE(answer.solution.cost, cost - 1e-9);
    EXPECT_GE(answer.solution.lower_bound, bound - 1e-9);
    cost = answer.solution.cost;
    bound = answer.solution.lower_bound;
  }
  EXPECT_GT(solved, 6);
  EXPECT_EQ(answers->back().status.code(), absl::StatusCode::kResourceExhausted) << answers->back().status;
}

TEST(SolverTest, SameInputSameAnswer) {
  for (bool free_order : {false, true}) {
    Problem problem = Layered(80, 200, 0.3, 2);
    const int64_t budget = PeakWithoutRematerialization(problem) * 7 / 10;
    if (free_order) problem.order.clear();
    Options options;
    options.max_steps = 1'000'000;
    const auto first = Solve(problem, {budget}, options), second = Solve(problem, {budget}, options);
    ASSERT_TRUE(first.ok() && second.ok());
    EXPECT_EQ(first->front().solution.sequence, second->front().solution.sequence);
    EXPECT_EQ(first->front().solution.lower_bound, second->front().solution.lower_bound);
  }
}

// Graphs of the published kinds: the budget is met, at no more than the published cost, with the gap proven.
TEST(SolverTest, PublishedKinds) {
  struct Goal {
    Problem problem;
    int share;
    double increase, gap;
  };
  for (const Goal& goal :
       {Goal{TrainFcn8(32, 416, 608), 90, 0.001, 0.001}, Goal{TrainFcn8(32, 416, 608), 80, 0.002, 0.002},
        Goal{TrainResNet50(256), 90, 0.02, 0.001}, Goal{TrainResNet50(256), 80, 0.03, 0.002},
        Goal{Layered(250, 944, 0.43, 2), 90, 0.009, 0.01}}) {
    const int64_t budget = PeakWithoutRematerialization(goal.problem) / 100 * goal.share;
    const auto answers = Solve(goal.problem, {budget});
    ASSERT_TRUE(answers.ok() && answers->front().status.ok());
    const Solution& solution = answers->front().solution;
    EXPECT_TRUE(Validate(goal.problem, budget, solution).ok()) << Validate(goal.problem, budget, solution);
    double once = 0;
    for (const Node& node : goal.problem.nodes) once += node.cost;
    EXPECT_LE(solution.cost, once * (1 + goal.increase));
    EXPECT_LE(solution.cost, solution.lower_bound * (1 + goal.gap));
  }
}

TEST(SolverTest, ClockStopsTheSearch) {
  const Problem problem = Layered(120, 300, 0.3, 4);
  const int64_t budget = PeakWithoutRematerialization(problem) * 8 / 10;
  Options options;
  options.max_steps = int64_t{1} << 60;
  options.seconds = 0.3;
  const auto answers = Solve(problem, {budget}, options);
  ASSERT_TRUE(answers.ok());
  ASSERT_TRUE(answers->front().status.ok()) << answers->front().status;
  EXPECT_TRUE(Validate(problem, budget, answers->front().solution).ok());
}

TEST(SolverTest, HostileProblems) {
  Problem empty;
  EXPECT_TRUE(Solve(empty, {0}).ok());
  EXPECT_FALSE(Solve(empty, {-1}).ok());
  Problem zero;
  zero.nodes.resize(70);
  for (int v = 1; v < 70; ++v) zero.nodes[v].inputs = {v - 1};
  zero.outputs = {69};
  auto answers = Solve(zero, {0});
  ASSERT_TRUE(answers.ok());
  EXPECT_TRUE(answers->front().status.ok());
  // A chain that must be computed again from its start at every step back.
  Problem long_chain;
  const int n = 4000;
  long_chain.nodes.resize(2 * n);
  for (int v = 0; v < 2 * n; ++v) {
    long_chain.nodes[v] = {1'000'000'000'000'000, 1, {}};
    if (v > 0) long_chain.nodes[v].inputs.push_back(v - 1);
    if (v > n) long_chain.nodes[v].inputs.push_back(2 * n - 1 - v);
  }
  long_chain.outputs = {2 * n - 1};
  Options options;
  options.max_steps = 1'000'000;
  answers = Solve(long_chain, {Floor(long_chain) + 1'000'000'000'000'000, Floor(long_chain) - 1}, options);
  ASSERT_TRUE(answers.ok());
  EXPECT_EQ(answers->back().status.code(), absl::StatusCode::kResourceExhausted);
  if (answers->front().status.ok()) {
    EXPECT_TRUE(Validate(long_chain, answers->front().budget, answers->front().solution).ok());
  }
}

}  // namespace
}  // namespace plimsoll::checkpoint
