#include "passes/schedule/solver.h"

#include <limits>
#include <numeric>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "passes/schedule/bound.h"
#include "passes/schedule/families.h"
#include "passes/schedule/test_problems.h"
#include "passes/schedule/validator.h"

namespace plimsoll::schedule {
namespace {

using ::testing::HasSubstr;

TEST(SolverTest, EmptyProblemNeedsWhatIsHeld) {
  Problem problem;
  problem.tensors = {{7}};
  const auto solution = Solve(problem);
  ASSERT_TRUE(solution.ok()) << solution.status();
  EXPECT_EQ(solution->peak, 7);
  EXPECT_TRUE(solution->proven_optimal);
  EXPECT_TRUE(Validate(problem, *solution).ok());
}

TEST(SolverTest, SmallRandomProblemsAreSolvedWithProof) {
  for (int seed = 0; seed < 600; ++seed) {
    const Problem problem = RandomProblem(1 + seed % 8, seed);
    const auto solution = Solve(problem);
    ASSERT_TRUE(solution.ok()) << solution.status();
    EXPECT_TRUE(Validate(problem, *solution).ok()) << seed << ": " << Validate(problem, *solution);
    const int64_t best = BruteForcePeak(problem);
    EXPECT_EQ(SubsetPeak(problem), best) << seed;
    EXPECT_EQ(solution->peak, best) << seed;
    EXPECT_TRUE(solution->proven_optimal) << seed << " bound " << solution->lower_bound << " best " << best;
    EXPECT_LE(*LowerBound(problem), best) << seed;
  }
}

TEST(SolverTest, RandomProblemsAreSolvedWithProof) {
  for (int seed = 0; seed < 600; ++seed) {
    const Problem problem = RandomProblem(9 + seed % 5, 1000 + seed);
    const auto solution = Solve(problem);
    ASSERT_TRUE(solution.ok()) << solution.status();
    EXPECT_TRUE(Validate(problem, *solution).ok()) << seed << ": " << Validate(problem, *solution);
    const int64_t best = SubsetPeak(problem);
    EXPECT_EQ(solution->peak, best) << seed;
    EXPECT_TRUE(solution->proven_optimal) << seed << " bound " << solution->lower_bound << " best " << best;
    EXPECT_LE(*LowerBound(problem), best) << seed;
  }
}

TEST(SolverTest, FewStepsGiveValidOrdersAndBounds) {
  for (int seed = 0; seed < 200; ++seed) {
    const Problem problem = RandomProblem(13, 5000 + seed);
    Options options;
    options.max_steps = 1 + (seed % 10) * 40;
    const auto solution = Solve(problem, options);
    ASSERT_TRUE(solution.ok()) << solution.status();
    EXPECT_TRUE(Validate(problem, *solution).ok()) << seed << ": " << Validate(problem, *solution);
    const int64_t best = SubsetPeak(problem);
    EXPECT_GE(solution->peak, best) << seed;
    EXPECT_LE(solution->lower_bound, best) << seed;
  }
}

TEST(SolverTest, NeverWorseThanTheImportedOrder) {
  for (int seed = 0; seed < 300; ++seed) {
    const Problem problem = RandomProblem(40, 2 * seed);  // even seeds: the indices are topological
    std::vector<int> index(problem.nodes.size());
    std::iota(index.begin(), index.end(), 0);
    const auto imported = Peak(problem, index);
    ASSERT_TRUE(imported.ok()) << imported.status();
    Options options;
    options.max_steps = seed % 2 ? 1 : 300'000;
    const auto solution = Solve(problem, options);
    ASSERT_TRUE(solution.ok()) << solution.status();
    EXPECT_LE(solution->peak, *imported) << seed;
    EXPECT_TRUE(Validate(problem, *solution).ok()) << seed << ": " << Validate(problem, *solution);
  }
}

TEST(SolverTest, SameProblemSameSolution) {
  const Problem problem = TrainRandWire(2, 12, 5, Optimizer::kSgd);
  const auto first = Solve(problem), second = Solve(problem);
  ASSERT_TRUE(first.ok() && second.ok());
  EXPECT_EQ(first->order, second->order);
  EXPECT_EQ(first->lower_bound, second->lower_bound);
}

TEST(SolverTest, TargetStopsTheSearch) {
  const Problem problem = NasCells(9, 5, 40, 1);
  const auto best = Solve(problem);
  ASSERT_TRUE(best.ok());
  Options options;
  options.target = best->peak + best->peak / 50;
  const auto enough = Solve(problem, options);
  ASSERT_TRUE(enough.ok());
  EXPECT_LE(enough->peak, options.target);
  EXPECT_LE(enough->lower_bound, best->peak);
}

TEST(SolverTest, FamiliesAreSolvedWithProof) {
  for (const Problem& problem :
       {RandWire(2, 16, 16, 1), NasCells(6, 5, 16, 1), SwiftNet(2, 1), TrainChain(12, 64, Optimizer::kAdam),
        TrainResNet(4, 1, Optimizer::kSgd), TrainTransformer(2, 64, 256, Optimizer::kAdam)}) {
    const auto solution = Solve(problem);
    ASSERT_TRUE(solution.ok()) << solution.status();
    EXPECT_TRUE(Validate(problem, *solution).ok()) << Validate(problem, *solution);
    EXPECT_TRUE(solution->proven_optimal) << solution->peak << " > " << solution->lower_bound;
  }
}

TEST(SolverTest, TenThousandNodes) {
  const Problem problem = Layered(10'000, 32, 7);
  const auto solution = Solve(problem);
  ASSERT_TRUE(solution.ok()) << solution.status();
  EXPECT_TRUE(Validate(problem, *solution).ok()) << Validate(problem, *solution);
}

// One tensor read by thousands of nodes, all of which one node gathers: every node is ready at once.
TEST(SolverTest, WideFan) {
  constexpr int kWidth = 4000;
  Problem problem;
  problem.tensors.push_back({100});
  problem.nodes.push_back({{}, {0}});
  Node gather;
  for (int i = 1; i <= kWidth; ++i) {
    problem.tensors.push_back({i % 13});
    problem.nodes.push_back({{0}, {i}});
    gather.inputs.push_back(i);
  }
  gather.outputs = {kWidth + 1};
  problem.tensors.push_back({3});
  problem.nodes.push_back(gather);
  const auto solution = Solve(problem);
  ASSERT_TRUE(solution.ok()) << solution.status();
  EXPECT_TRUE(Validate(problem, *solution).ok()) << Validate(problem, *solution);
}

TEST(SolverTest, CycleIsNamed) {
  Problem problem;
  problem.tensors = {{1}, {1}, {1}};
  problem.nodes = {{{}, {0}}, {{0, 2}, {1}}, {{1}, {2}}};
  const auto solution = Solve(problem);
  EXPECT_EQ(solution.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(solution.status().message()), HasSubstr("cycle of 2 nodes: 2 -> 1"));
}

TEST(SolverTest, HostileProblemsAreRefused) {
  Problem unknown;
  unknown.nodes = {{{3}, {}}};
  EXPECT_THAT(std::string(Solve(unknown).status().message()), HasSubstr("input of node 0 names tensor 3"));
  Problem twice;
  twice.tensors = {{1}};
  twice.nodes = {{{}, {0}}, {{}, {0}}};
  EXPECT_THAT(std::string(Solve(twice).status().message()), HasSubstr("produced twice, by node 0 and by node 1"));
  Problem huge;
  huge.tensors = {{std::numeric_limits<int64_t>::max()}, {1}};
  EXPECT_THAT(std::string(Solve(huge).status().message()), HasSubstr("overflows"));
  Problem negative;
  negative.tensors = {{-1}};
  EXPECT_THAT(std::string(Solve(negative).status().message()), HasSubstr("negative"));
  Problem self;
  self.tensors = {{1}};
  self.nodes = {{{0}, {0}}};
  EXPECT_THAT(std::string(Solve(self).status().message()), HasSubstr("cycle of 1 nodes: 0"));
}

}  // namespace
}  // namespace plimsoll::schedule
