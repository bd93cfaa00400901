// Generated kernels of attention's gradient, on the emulator, against the formula in double precision.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <tuple>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "compiler/codegen/cuda/library_attention_gradient_testing.h"

namespace plimsoll::codegen {
namespace {

using namespace gradient;  // NOLINT: its names

TEST(AttentionGradient, TilesOfQueriesAndKeys) {
  for (int64_t size : {3, 16, 64, 100, 128, 200})
    for (int64_t queries : {1, 32, 45}) Check({2, 2, 2, queries, 50, size, size, plan::F32, {}, queries != 32});
}

TEST(AttentionGradient, ElementTypesGroupsAndValueSizes) {
  for (plan::DataType type : {plan::F32, plan::F16, plan::BF16}) {
    Check({2, 6, 2, 20, 50, 31, 48, type});  // odd: by FMA whatever the type
    Check({1, 4, 1, 40, 30, 40, 7, type, {1, 1, 40, 30}, true});
  }
  Case c = {1, 4, 2, 20, 30, 16, 24, plan::F16};
  for (plan::DataType type : {plan::F32, plan::BF16}) {
    c.gradient_type = type;
    Check(c);
    Check(c, {}, "sm_75");
  }
}

TEST(AttentionGradient, MasksBroadcast) {
  for (plan::DataType type : {plan::F32, plan::F16})
    for (const Dims& mask : std::vector<Dims>{{2, 4, 20, 40}, {2, 1, 20, 40}, {20, 40}, {2, 1, 1, 40}, {1, 4, 20, 1}})
      Check({2, 4, 2, 20, 40, 8, 8, type, mask});
}

// What the mask forbids, for some keys, for the first tile of keys, for all of them.
TEST(AttentionGradient, MasksThatForbid) {
  for (plan::DataType type : {plan::F32, plan::F16, plan::BF16})
    for (bool zero : {false, true}) {
      Case c = {1, 4, 2, 20, 100, 8, 8, type, {20, 100}};
      c.zero_if_nan = zero;
      Check(c, [&](Operand& mask) {
        for (int64_t row = 0; row < 20; ++row)
          for (int64_t key = 0; key < 100; ++key) {
            const bool forbidden = row % 4 == 0   ? key > row
                                   : row % 4 == 1 ? key < 80
                                   : row % 4 == 2 ? (zero && row == 2) || key % 2 == 0
                                                  : false;
            mask.set(row * 100 + key, forbidden ? -kInfinity : 0);
          }
      });
    }
  // A row that forbids all, where that makes no zeros: NaN in its own gradient and in all keys' and values'.
  Case c = {1, 1, 1, 20, 40, 8, 8, plan::F32, {20, 40}};
  for (plan::DataType type : {plan::F32, plan::BF16}) {
    c.type = type;
    Check(c, [](Operand& mask) {
      for (int64_t key = 0; key < 40; ++key) mask.set(7 * 40 + key, -kInfinity);
    });
  }
}

// Causal masks by the least number that f32 has: forbidden scores are that large.
TEST(AttentionGradient, MasksOfTheLeastNumber) {
  for (plan::DataType type : {plan::F32, plan::F16, plan::BF16})
    Check({1, 2, 2, 40, 40, 16, 16, type, {40, 40}, false, 0, plan::F32}, [](Operand& mask) {
      for (int64_t place = 0; place < mask.size(); ++place)
        mask.set(place, place % 40 > place / 40 ? std::numeric_limits<float>::lowest() : 0);
    });
}

TEST(AttentionGradient, NothingToAttendTo) {
  for (plan::DataType type : {plan::F32, plan::F16}) {
    for (bool zero : {false, true}) {
      Case none = {1, 2, 2, 20, 0, 8, 8, type};
      none.zero_if_nan = zero;
      Check(none);
    }
    Check({1, 2, 2, 0, 20, 8, 8, type});
    Check({1, 2, 2, 20, 20, 8, 0, type});
    Check({1, 2, 2, 20, 20, 0, 8, type});
  }
}

TEST(TensorAttentionGradient, RandomShapesStridesAndMasks) {
  std::mt19937 random(5);
  auto draw = [&](int64_t low, int64_t high) { return std::uniform_int_distribution<int64_t>(low, high)(random); };
  const int64_t most[] = {64, 128, 256};
  for (int i = 0; i < 24; ++i) {
    Case c = {draw(1, 2), 1, draw(1, 2), draw(1, 140), draw(1, 100), 0, 0};
    c.type = i % 2 == 0 ? plan::F16 : plan::BF16;
    c.heads = c.groups * draw(1, 2);
    c.size = 2 * draw(1, most[i % 3] / 2);
    c.value_size = 2 * draw(1, most[i % 3] / 2);
    if (i % 4 == 0) c.size = c.value_size = most[i % 3];
    c.exchanged = draw(0, 1) != 0;
    c.padding = 2 * draw(0, 4);
    if (draw(0, 3) != 0) {
      c.mask = {c.batch, c.heads, c.queries, c.keys};
      for (int64_t& dim : c.mask) dim = draw(0, 2) == 0 ? 1 : dim;
      c.mask_type = draw(0, 1) != 0 ? plan::F32 : c.type;
    }
    Check(c);
  }
}

TEST(TensorAttentionGradient, OfF32RoundedToTf32) {
  std::mt19937 random(7);
  auto draw = [&](int64_t low, int64_t high) { return std::uniform_int_distribution<int64_t>(low, high)(random); };
  for (int i = 0; i < 8; ++i) {
    const int64_t most = i % 2 == 0 ? 64 : 128, queries = draw(5, 100), keys = draw(1, 100);
    Case c = {1, 4, draw(0, 1) == 0 ? 2 : 4, queries, keys, 2 * draw(1, most / 2), 2 * draw(1, most / 2)};
    if (i < 4) c.size = c.value_size = most;
    c.exchanged = draw(0, 1) != 0;
    c.padding = 2 * draw(0, 2);
    if (draw(0, 1) != 0) c.mask = {queries, keys};
    c.tf32 = true;
    Check(c);
  }
}

TEST(TensorAttentionGradient, TakesPairsFromAmpereOn) {
  auto uses = [](const Case& c, const char* arch) {
    plan::LibraryOp op;
    *op.mutable_attention_gradient() = Gradient(c);
    op.set_tf32(c.tf32);
    LibraryKernelRun run(op, arch);
    EXPECT_TRUE(run.status().ok()) << run.status();
    return absl::StrContains(run.code().ptx, "mma.sync");
  };
  for (int64_t size : {16, 100, 200}) {
    EXPECT_TRUE(uses({1, 2, 2, 70, 80, size, size, plan::F16}, "sm_80"));
    EXPECT_TRUE(uses({1, 2, 2, 70, 80, size, size, plan::BF16}, "sm_90"));
  }
  EXPECT_FALSE(uses({1, 2, 2, 70, 80, 16, 16, plan::F16}, "sm_75"));
  EXPECT_FALSE(uses({1, 2, 2, 70, 80, 16, 16, plan::F32}, "sm_80"));
  Case f32 = {1, 2, 2, 70, 80, 16, 16};
  f32.tf32 = true;
  EXPECT_TRUE(uses(f32, "sm_80"));
  EXPECT_FALSE(uses(f32, "sm_75"));
  EXPECT_FALSE(uses({1, 2, 2, 70, 80, 15, 16, plan::F16}, "sm_80"));
}

TEST(AttentionGradient, EveryBarrierIsNeeded) {
  int barriers = 0;
  const std::vector<std::tuple<int64_t, plan::DataType, bool>> kinds = {
      {32, plan::F32, false}, {32, plan::F16, false}, {160, plan::BF16, false}, {32, plan::F32, true}};
  for (const auto& [size, type, tf32] : kinds) {
    plan::LibraryOp op;
    *op.mutable_attention_gradient() = Gradient({1, 1, 1, 100, 100, size, size, type});
    op.set_tf32(tf32);
    Operands operands;
    MakeOperands(op.attention_gradient(), operands);
    LibraryKernelRun run(op);
    ASSERT_TRUE(run.status().ok()) << run.status();
    for (int number = 0;; ++number) {
      bool there = false;
      const bool noticed = run.NoticesMissingBarrier(operands.all, operands.written, number, &there);
      if (!there) break;
      ++barriers;
      EXPECT_TRUE(noticed) << "barrier " << number << " of " << plan::DataType_Name(type);
    }
  }
  // A wait for copies counts as one: blocks of keys and of queries by FMA; with two buffers; with one and dk, dv apart.
  EXPECT_EQ(barriers, (3 + 3) + (3 + 2) + (4 + 4 + 3) + (3 + 2));
}

TEST(AttentionGradient, WhatThereIsNoKernelFor) {
  auto code = [](const plan::AttentionGradient& gradient) {
    plan::LibraryOp op;
    *op.mutable_attention_gradient() = gradient;
    return LibraryKernelRun(op).status().code();
  };
  EXPECT_EQ(code(Gradient({1, 2, 2, 5, 6, 300, 8})), absl::StatusCode::kUnimplemented);
  EXPECT_EQ(code(Gradient({1, 2, 2, 5, 6, 8, 8, plan::F64})), absl::StatusCode::kUnimplemented);
  EXPECT_EQ(code(Gradient({1, 3, 2, 5, 6, 8, 8})), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code(Gradient({1, 0, 2, 5, 6, 8, 8})), absl::StatusCode::kUnimplemented);
  plan::AttentionGradient other = Gradient({1, 2, 2, 5, 6, 8, 8});
  SetDesc(other.mutable_v_gradient(), plan::F32, {1, 2, 6, 4});
  EXPECT_EQ(code(other), absl::StatusCode::kInvalidArgument);
  other = Gradient({1, 2, 2, 5, 6, 8, 8});
  other.clear_stats();
  EXPECT_EQ(code(other), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace plimsoll::codegen
