// Generated kernels of attention, on the emulator, against the formula in double precision.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "absl/strings/str_join.h"
#include "compiler/codegen/cuda/library_testing.h"

namespace plimsoll::codegen {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

struct Case {
  int64_t batch, heads, groups, queries, keys, size, value_size;
  plan::DataType type = plan::F32;
  Dims mask;               // empty: none
  bool exchanged = false;  // heads and sequence, in memory
};

plan::Attention Attention(const Case& c) {
  plan::Attention attention;
  auto set = [&](plan::MemoryDesc* desc, const Dims& dims) {
    SetDesc(desc, c.type, dims, c.exchanged ? StridesBy(dims, {0, 2, 1, 3}) : Dims{});
  };
  set(attention.mutable_q(), {c.batch, c.heads, c.queries, c.size});
  set(attention.mutable_k(), {c.batch, c.groups, c.keys, c.size});
  set(attention.mutable_v(), {c.batch, c.groups, c.keys, c.value_size});
  set(attention.mutable_dst(), {c.batch, c.heads, c.queries, c.value_size});
  if (!c.mask.empty()) SetDesc(attention.mutable_mask(), c.type, c.mask);
  attention.set_scale(0.7f);
  return attention;
}

// `edit` changes the mask beforehand.
void Check(const Case& c, bool zero_if_nan = false, const std::function<void(Operand&)>& edit = {}) {
  plan::LibraryOp op;
  *op.mutable_attention() = Attention(c);
  op.mutable_attention()->set_zero_if_nan(zero_if_nan);
  const plan::Attention& a = op.attention();
  const std::string what = a.ShortDebugString();
  std::mt19937 random(3);
  Operand q = RandomOperand(a.q(), random), k = RandomOperand(a.k(), random), v = RandomOperand(a.v(), random),
          dst = RandomOperand(a.dst(), random), mask;
  std::vector<Operand*> operands{&q, &k, &v};
  if (a.has_mask()) {
    mask = RandomOperand(a.mask(), random);
    if (edit) edit(mask);
    operands.push_back(&mask);
  }
  operands.push_back(&dst);
  LibraryKernelRun run(op);
  ASSERT_TRUE(run.status().ok()) << run.status() << what;
  const absl::Status status = run.Run(operands, {operands.size() - 1});
  ASSERT_TRUE(status.ok()) << status << what;
  Dims at(3, 0);
  const Dims rows{c.batch, c.heads, c.queries}, mask_strides = a.has_mask() ? StridesOf(a.mask()) : Dims{};
  do {
    const int64_t group = at[1] * c.groups / c.heads;
    std::vector<double> scores(c.keys);
    double most = -kInfinity, total = 0;
    for (int64_t t = 0; t < c.keys; ++t) {
      for (int64_t d = 0; d < c.size; ++d)
        scores[t] += q.at(Place(StridesOf(a.q()), {at[0], at[1], at[2], d})) *
                     k.at(Place(StridesOf(a.k()), {at[0], group, t, d}));
      scores[t] *= a.scale();
      if (a.has_mask()) {
        const Dims full{at[0], at[1], at[2], t};
        int64_t place = 0;
        for (size_t i = 0; i < c.mask.size(); ++i)
          place += (c.mask[i] == 1 ? 0 : full[4 - c.mask.size() + i]) * mask_strides[i];
        scores[t] += mask.at(place);
      }
      most = std::max(most, scores[t]);
    }
    for (double& score : scores) total += score = std::exp(score - most);
    for (int64_t e = 0; e < c.value_size; ++e) {
      double want = 0;
      for (int64_t t = 0; t < c.keys; ++t)
        want += scores[t] / total * v.at(Place(StridesOf(a.v()), {at[0], group, t, e}));
      const double got = dst.at(Place(StridesOf(a.dst()), {at[0], at[1], at[2], e}));
      if (std::isnan(want)) {
        if (zero_if_nan)
          ASSERT_EQ(got, 0) << what << " at " << absl::StrJoin(at, ",");
        else
          ASSERT_TRUE(std::isnan(got)) << what << " at " << absl::StrJoin(at, ",");
        continue;
      }
      ASSERT_NEAR(got, want, 4e-6 + 2 * Epsilon(c.type)) << what << " at " << absl::StrJoin(at, ",") << "," << e;
    }
  } while (Next(at, rows));
}

TEST(Attention, TilesOfQueriesAndKeys) {
  for (int64_t size : {3, 16, 64, 128, 200})
    for (int64_t queries : {5, 32, 45})
      for (bool exchanged : {false, true}) Check({2, 2, 2, queries, 70, size, size, plan::F32, {}, exchanged});
}

TEST(Attention, FewQueries) {
  for (int64_t size : {3, 64, 200})
    for (int64_t queries : {1, 4})
      for (int64_t keys : {1, 7, 100}) Check({2, 4, 2, queries, keys, size, size, plan::F32, {queries, keys}});
}

TEST(Attention, ElementTypesGroupsAndValueSizes) {
  for (plan::DataType type : {plan::F16, plan::BF16})
    for (int64_t queries : {1, 40}) {
      Check({2, 6, 2, queries, 50, 32, 48, type});
      Check({1, 4, 1, queries, 50, 40, 8, type, {1, 1, queries, 50}, true});
    }
}

TEST(Attention, MasksBroadcast) {
  for (int64_t queries : {2, 20})
    for (const Dims& mask :
         std::vector<Dims>{{2, 2, queries, 40}, {2, 1, queries, 40}, {queries, 40}, {2, 1, 1, 40}, {1, 2, queries, 1}})
      Check({2, 2, 2, queries, 40, 8, 8, plan::F32, mask});
}

// What the mask forbids, for some keys, for the first tile of keys, for all of them.
TEST(Attention, MasksThatForbid) {
  for (int64_t queries : {2, 20})
    for (bool zero : {false, true})
      Check({1, 2, 2, queries, 80, 8, 8, plan::F32, {queries, 80}}, zero, [&](Operand& mask) {
        for (int64_t row = 0; row < queries; ++row)
          for (int64_t key = 0; key < 80; ++key) {
            const bool forbidden = row % 4 == 0   ? key > row
                                   : row % 4 == 1 ? key < 40
                                   : row % 4 == 2 ? row == 2 || key % 2 == 0
                                                  : false;
            mask.set(row * 80 + key, forbidden ? -kInfinity : 0);
          }
      });
  for (int64_t queries : {2, 20}) Check({1, 2, 2, queries, 0, 8, 8}, true);
}

TEST(Attention, EveryBarrierIsNeeded) {
  int barriers = 0;
  for (int64_t queries : {1, 20}) {
    plan::LibraryOp op;
    *op.mutable_attention() = Attention({1, 1, 1, queries, 100, 32, 32});
    std::mt19937 random(3);
    Operand q = RandomOperand(op.attention().q(), random), k = RandomOperand(op.attention().k(), random),
            v = RandomOperand(op.attention().v(), random), dst = RandomOperand(op.attention().dst(), random);
    LibraryKernelRun run(op);
    ASSERT_TRUE(run.status().ok()) << run.status();
    for (int number = 0;; ++number) {
      bool there = false;
      const bool noticed = run.NoticesMissingBarrier({&q, &k, &v, &dst}, {3}, number, &there);
      if (!there) break;
      ++barriers;
      EXPECT_TRUE(noticed) << "barrier " << number << " with " << queries << " queries";
    }
  }
  EXPECT_EQ(barriers, 1 + 4);
}

TEST(Attention, WhatThereIsNoKernelFor) {
  auto code = [](const plan::Attention& attention) {
    plan::LibraryOp op;
    *op.mutable_attention() = attention;
    return LibraryKernelRun(op).status().code();
  };
  EXPECT_EQ(code(Attention({1, 2, 2, 5, 6, 300, 8})), absl::StatusCode::kUnimplemented);
  EXPECT_EQ(code(Attention({1, 2, 2, 5, 6, 8, 8, plan::F64})), absl::StatusCode::kUnimplemented);
  EXPECT_EQ(code(Attention({1, 3, 2, 5, 6, 8, 8})), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace plimsoll::codegen
