#include "passes/checkpoint/validator.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace plimsoll::checkpoint {
namespace {

using ::testing::HasSubstr;

// 0 -> 1 -> 2 -> 3, and 3 reads 0 too.
Problem Skip() {
  Problem problem;
  problem.nodes = {{10, 1, {}}, {4, 2, {0}}, {20, 3, {1}}, {1, 5, {2, 0}}};
  problem.order = {0, 1, 2, 3};
  problem.outputs = {3};
  return problem;
}

std::string Broken(const Solution& solution, int64_t budget = 100) {
  const absl::Status status = Validate(Skip(), budget, solution);
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
  return std::string(status.message());
}

TEST(ValidatorTest, AcceptsWhatHolds) {
  // 10; 10 + 4; 10 + 4 + 20; 10 + 20 + 1
  EXPECT_TRUE(Validate(Skip(), 34, {{0, 1, 2, 3}, 34, 11, 11, true}).ok());
  // 0 again after 2: 10; 14; 4 + 20; 20 + 10; 31
  EXPECT_TRUE(Validate(Skip(), 31, {{0, 1, 2, 0, 3}, 31, 12, 11}).ok())
      << Validate(Skip(), 31, {{0, 1, 2, 0, 3}, 31, 12, 11});
}

TEST(ValidatorTest, R1EveryNode) {
  EXPECT_THAT(Broken({{0, 1, 2}, 34, 6}), HasSubstr("[R1]"));
  EXPECT_THAT(Broken({{0, 1, 2, 4}, 34, 6}), HasSubstr("[R1] step 3 computes node 4"));
  EXPECT_THAT(Broken({{-1}, 34, 6}), HasSubstr("[R1]"));
}
TEST(ValidatorTest, R2InputsFirst) { EXPECT_THAT(Broken({{1, 0, 2, 3}, 34, 11}), HasSubstr("[R2] step 0")); }
TEST(ValidatorTest, R3FixedOrder) {
  Problem problem = Skip();
  problem.nodes.push_back({1, 1, {}});
  problem.order = {0, 1, 4, 2, 3};
  const std::string message(Validate(problem, 100, {{0, 1, 2, 4, 3}, 35, 12}).message());
  EXPECT_THAT(message, HasSubstr("[R3] step 2"));
  problem.order.clear();
  EXPECT_TRUE(Validate(problem, 100, {{0, 1, 2, 4, 3}, 34, 12}).ok())
      << Validate(problem, 100, {{0, 1, 2, 4, 3}, 34, 12});
}
TEST(ValidatorTest, R4Peak) {
  EXPECT_THAT(Broken({{0, 1, 2, 3}, 33, 11}), HasSubstr("[R4] the sequence needs 34 bytes"));
}
TEST(ValidatorTest, R5Budget) { EXPECT_THAT(Broken({{0, 1, 2, 3}, 34, 11}, 33), HasSubstr("[R5]")); }
TEST(ValidatorTest, R6Cost) { EXPECT_THAT(Broken({{0, 1, 2, 3}, 34, 10.5}), HasSubstr("[R6]")); }
TEST(ValidatorTest, R7Bound) { EXPECT_THAT(Broken({{0, 1, 2, 3}, 34, 11, 11.5}), HasSubstr("[R7]")); }
TEST(ValidatorTest, WorkspaceCountsAtItsStep) {
  Problem problem = Skip();
  problem.nodes[1].workspace = 21;
  EXPECT_TRUE(Validate(problem, 35, {{0, 1, 2, 3}, 35, 11}).ok());
  EXPECT_EQ(Floor(problem), 35);
}
TEST(ValidatorTest, R9Once) {
  Problem problem = Skip();
  problem.nodes[0].once = true;
  EXPECT_THAT(std::string(Validate(problem, 31, {{0, 1, 2, 0, 3}, 31, 12}).message()), HasSubstr("[R9] step 3"));
}
TEST(ValidatorTest, R8Optimal) { EXPECT_THAT(Broken({{0, 1, 2, 3}, 34, 11, 10.5, true}), HasSubstr("[R8]")); }

}  // namespace
}  // namespace plimsoll::checkpoint
