#include "passes/schedule/validator.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace plimsoll::schedule {
namespace {

using ::testing::HasSubstr;

// 0 makes tensor 0; 1 reads it and makes 1; 2 reads both.
Problem Chain() {
  Problem problem;
  problem.tensors = {{4}, {2}, {8}};
  problem.nodes = {{{}, {0}}, {{0}, {1}, 3}, {{0, 1}, {2}}};
  problem.outputs = {2};
  return problem;
}

std::string Broken(const Solution& solution) {
  const absl::Status status = Validate(Chain(), solution);
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  return std::string(status.message());
}

TEST(ValidatorTest, AcceptsWhatHolds) {
  EXPECT_TRUE(Validate(Chain(), {{0, 1, 2}, 14, 14, true}).ok()) << Validate(Chain(), {{0, 1, 2}, 14, 14, true});
}

TEST(ValidatorTest, S1EveryNodeOnce) {
  EXPECT_THAT(Broken({{0, 1}, 14, 14}), HasSubstr("[S1]"));
  EXPECT_THAT(Broken({{0, 1, 1}, 14, 14}), HasSubstr("[S1] node 1 runs twice"));
  EXPECT_THAT(Broken({{0, 1, 3}, 14, 14}), HasSubstr("[S1]"));
  EXPECT_THAT(Broken({{0, -1, 2}, 14, 14}), HasSubstr("[S1]"));
}

TEST(ValidatorTest, S2ProducersFirst) { EXPECT_THAT(Broken({{1, 0, 2}, 14, 14}), HasSubstr("[S2] node 1")); }

TEST(ValidatorTest, S3PeakIsTheOneStated) {
  EXPECT_THAT(Broken({{0, 1, 2}, 13, 13}), HasSubstr("[S3] the order needs 14 bytes"));
  EXPECT_THAT(Broken({{0, 1, 2}, 15, 14}), HasSubstr("[S3]"));
}

TEST(ValidatorTest, S4BoundIsNotAboveThePeak) { EXPECT_THAT(Broken({{0, 1, 2}, 14, 15}), HasSubstr("[S4]")); }

TEST(ValidatorTest, S5OptimalOnlyWhereTheyMeet) { EXPECT_THAT(Broken({{0, 1, 2}, 14, 13, true}), HasSubstr("[S5]")); }

// Each rule of the memory model, by numbers worked out by hand.
TEST(ValidatorTest, MemoryModel) {
  Problem problem;
  problem.tensors = {{10}, {1}, {2}, {4}, {100}};
  // Tensors 0 (read) and 4 (never read) are held from the start; 1 is used by nothing; 2 is kept; 3 is freed.
  problem.nodes = {{{}, {1}, 50}, {{0}, {2}}, {{2}, {3}}, {{3}, {}, 7}};
  problem.outputs = {2};
  // 110 + 1 + 50; 110 + 2; 100 + 2 + 4; 100 + 2 + 4 + 7
  EXPECT_TRUE(Validate(problem, {{0, 1, 2, 3}, 161, 0}).ok()) << Validate(problem, {{0, 1, 2, 3}, 161, 0});
  // With node 0 last: 112; 106; 113; 102 + 51
  EXPECT_TRUE(Validate(problem, {{1, 2, 3, 0}, 153, 0}).ok()) << Validate(problem, {{1, 2, 3, 0}, 153, 0});
}

}  // namespace
}  // namespace plimsoll::schedule
