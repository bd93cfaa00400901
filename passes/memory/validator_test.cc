#include "passes/memory/validator.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace plimsoll::memory {
namespace {

using ::testing::HasSubstr;

// Two buffers of 8 bytes alive at once, one after them; a valid solution of 16 bytes.
class Validator : public testing::Test {
 protected:
  Validator() {
    problem_.buffers = {
        {.lower = 0, .upper = 2, .size = 8}, {.lower = 1, .upper = 3, .size = 8}, {.lower = 3, .upper = 4, .size = 4}};
    solution_ = {
        .offsets = {0, 8, 0}, .arena_sizes = {16}, .arena_size = 16, .lower_bound = 16, .proven_optimal = true};
  }

  void ExpectBroken(const char* rule) const {
    const absl::Status status = Validate(problem_, solution_);
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_THAT(std::string(status.message()), HasSubstr(rule));
  }

  Problem problem_;
  Solution solution_;
};

TEST_F(Validator, AcceptsAValidSolution) { EXPECT_TRUE(Validate(problem_, solution_).ok()); }

TEST_F(Validator, M1OneOffsetForEachBuffer) {
  solution_.offsets.pop_back();
  ExpectBroken("[M1]");
}

TEST_F(Validator, M1NoNegativeOffset) {
  solution_.offsets[0] = -8;
  ExpectBroken("[M1]");
}

TEST_F(Validator, M1Aligned) {
  problem_.buffers[1].alignment = 16;
  ExpectBroken("[M1]");
}

TEST_F(Validator, M1NoOverflow) {
  solution_.offsets[2] = INT64_MAX;
  ExpectBroken("[M1]");
}

TEST_F(Validator, M2FixedBuffersStay) {
  problem_.buffers[1].fixed_offset = 9;
  ExpectBroken("[M2]");
}

TEST_F(Validator, M3NoOverlap) {
  solution_.offsets[1] = 7;
  ExpectBroken("[M3]");
  solution_.offsets[1] = 0;
  ExpectBroken("[M3]");
}

TEST_F(Validator, M3ArenasAreIndependent) {
  problem_.buffers[1].arena = 1;
  solution_ = {.offsets = {0, 0, 0}, .arena_sizes = {8, 8}, .arena_size = 16};
  EXPECT_TRUE(Validate(problem_, solution_).ok());
}

TEST_F(Validator, M3PairsShareAtEqualOffsetsOnly) {
  problem_.may_share = {{1, 0}};
  solution_ = {.offsets = {0, 0, 0}, .arena_sizes = {8}, .arena_size = 8};
  EXPECT_TRUE(Validate(problem_, solution_).ok());
  solution_.offsets[1] = 4;
  ExpectBroken("[M3]");
}

TEST_F(Validator, M3SharersOfDifferentSizesBothCount) {
  problem_.buffers = {{.upper = 2, .size = 9}, {.upper = 2, .size = 2}, {.lower = 1, .upper = 2, .size = 1}};
  problem_.may_share = {{0, 1}};
  solution_ = {.offsets = {0, 0, 4}, .arena_sizes = {9}, .arena_size = 9};
  ExpectBroken("[M3]");
}

TEST_F(Validator, M4ForbiddenRegionsAreFree) {
  problem_.forbidden = {{.lower = 0, .upper = 1, .begin = 8, .end = 16}};
  EXPECT_TRUE(Validate(problem_, solution_).ok());
  problem_.forbidden[0].upper = 2;
  ExpectBroken("[M4]");
}

TEST_F(Validator, M5SizesAreAsStated) {
  solution_.arena_size = 17;
  ExpectBroken("[M5]");
  solution_.arena_size = 16;
  solution_.arena_sizes = {15};
  ExpectBroken("[M5]");
}

TEST_F(Validator, M5WithinTheCapacity) {
  problem_.capacity = 15;
  ExpectBroken("[M5]");
}

TEST_F(Validator, M6BoundAndOptimality) {
  solution_.lower_bound = 17;
  ExpectBroken("[M6]");
  solution_.lower_bound = 15;
  ExpectBroken("[M6]");
}

}  // namespace
}  // namespace plimsoll::memory
