#include "passes/schedule/solver.h"

#include <limits>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "passes/schedule/bound.h"
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

TEST(SolverTest, RandomProblemsAreValidAndBoundsHold) {
  int optimal = 0, proven = 0;
  constexpr int kProblems = 400;
  for (int seed = 0; seed < kProblems; ++seed) {
    const Problem problem = RandomProblem(2 + seed % 7, seed);
    const auto solution = Solve(problem);
    ASSERT_TRUE(solution.ok()) << solution.status();
    EXPECT_TRUE(Validate(problem, *solution).ok()) << seed << ": " << Validate(problem, *solution);
    const int64_t best = BruteForcePeak(problem);
    EXPECT_GE(solution->peak, best) << seed;
    EXPECT_LE(solution->lower_bound, best) << seed;
    EXPECT_LE(*LowerBound(problem), best) << seed;
    optimal += solution->peak == best;
    proven += solution->proven_optimal;
  }
  RecordProperty("optimal", optimal);
  RecordProperty("proven", proven);
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
