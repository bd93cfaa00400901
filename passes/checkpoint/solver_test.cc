#include "passes/checkpoint/solver.h"

#include <algorithm>
#include <cmath>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
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

}  // namespace
}  // namespace plimsoll::checkpoint
