// Generated kernels of attention, on the emulator, against the formula in double precision.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <tuple>

#include "absl/strings/match.h"
#include "absl/strings/str_join.h"
#include "compiler/codegen/cuda/library_testing.h"
#include "runtime/library/generated.h"

namespace plimsoll::codegen {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

struct Case {
  int64_t batch, heads, groups, queries, keys, size, value_size;
  plan::DataType type = plan::F32;
  Dims mask;                                             // empty: none
  bool exchanged = false;                                // heads and sequence, in memory
  int64_t padding = 0;                                   // elements between rows
  plan::DataType mask_type = plan::DATA_TYPE_UNDEFINED;  // that of the others
  bool tf32 = false;
  bool stats = false;
  int64_t keys_of_part = 0;  // 0: all

  int64_t PartSize() const { return keys_of_part == 0 ? std::max<int64_t>(1, keys) : keys_of_part; }
  // Of the results.
  int64_t Batches() const { return std::max<int64_t>(1, (keys + PartSize() - 1) / PartSize()) * batch; }
};

plan::Attention Attention(const Case& c) {
  plan::Attention attention;
  auto set = [&](plan::MemoryDesc* desc, const Dims& dims) {
    const std::vector<int> order = c.exchanged ? std::vector<int>{0, 2, 1, 3} : std::vector<int>{0, 1, 2, 3};
    SetDesc(desc, c.type, dims, StridesBy(dims, order, c.padding));
  };
  set(attention.mutable_q(), {c.batch, c.heads, c.queries, c.size});
  set(attention.mutable_k(), {c.batch, c.groups, c.keys, c.size});
  set(attention.mutable_v(), {c.batch, c.groups, c.keys, c.value_size});
  set(attention.mutable_dst(), {c.Batches(), c.heads, c.queries, c.value_size});
  const bool same = c.mask_type == plan::DATA_TYPE_UNDEFINED;
  if (!c.mask.empty()) SetDesc(attention.mutable_mask(), same ? c.type : c.mask_type, c.mask);
  if (c.stats) {
    const Dims rows{c.Batches(), c.heads, c.queries, 1};
    SetDesc(attention.mutable_stats(), plan::F32, rows, StridesBy(rows, {0, 2, 1, 3}, c.padding));
  }
  attention.set_scale(0.7f);
  attention.set_keys_of_part(c.keys_of_part);
  if (c.keys_of_part > 0) attention.mutable_dst()->set_dtype(plan::F32);
  return attention;
}

// `edit` changes the mask beforehand.
void Check(const Case& c, bool zero_if_nan = false, const std::function<void(Operand&)>& edit = {}) {
  plan::LibraryOp op;
  *op.mutable_attention() = Attention(c);
  op.mutable_attention()->set_zero_if_nan(zero_if_nan);
  op.set_tf32(c.tf32);
  const plan::Attention& a = op.attention();
  const std::string what = a.ShortDebugString();
  std::mt19937 random(3);
  Operand q = RandomOperand(a.q(), random), k = RandomOperand(a.k(), random), v = RandomOperand(a.v(), random),
          dst = RandomOperand(a.dst(), random), mask, stats;
  std::vector<Operand*> operands{&q, &k, &v};
  if (a.has_mask()) {
    mask = RandomOperand(a.mask(), random);
    if (edit) edit(mask);
    operands.push_back(&mask);
  }
  operands.push_back(&dst);
  std::vector<size_t> written{operands.size() - 1};
  if (c.stats) {
    stats = RandomOperand(a.stats(), random);
    written.push_back(operands.size());
    operands.push_back(&stats);
  }
  LibraryKernelRun run(op);
  ASSERT_TRUE(run.status().ok()) << run.status() << what;
  const absl::Status status = run.Run(operands, written);
  ASSERT_TRUE(status.ok()) << status << what;
  for (Operand* operand : {&q, &k, &v})
    for (int64_t i = 0; c.tf32 && i < operand->size(); ++i) operand->set(i, RoundToTf32(operand->at(i)));
  // Values are at most 1: the weights' rounding and the result's.
  const double tolerance = 4e-6 + (c.tf32 ? kTf32Epsilon : 0) + 2 * Epsilon(c.type);
  const double tolerance_of_stats = 4e-6 + (c.tf32 ? 2 * kTf32Epsilon : 0);
  Dims at(3, 0);
  const Dims rows{c.Batches(), c.heads, c.queries}, mask_strides = a.has_mask() ? StridesOf(a.mask()) : Dims{};
  do {
    const int64_t group = at[1] * c.groups / c.heads, n = at[0] % c.batch;
    const int64_t first = at[0] / c.batch * c.PartSize(), last = std::min(c.keys, first + c.PartSize());
    std::vector<double> scores(c.keys);
    double most = -kInfinity, total = 0;
    for (int64_t t = first; t < last; ++t) {
      for (int64_t d = 0; d < c.size; ++d)
        scores[t] += q.at(Place(StridesOf(a.q()), {n, at[1], at[2], d})) *
                     k.at(Place(StridesOf(a.k()), {n, group, t, d}));
      scores[t] *= a.scale();
      if (a.has_mask()) {
        const Dims full{n, at[1], at[2], t};
        int64_t place = 0;
        for (size_t i = 0; i < c.mask.size(); ++i)
          place += (c.mask[i] == 1 ? 0 : full[4 - c.mask.size() + i]) * mask_strides[i];
        scores[t] += mask.at(place);
      }
      most = std::max(most, scores[t]);
    }
    for (int64_t t = first; t < last; ++t) total += scores[t] = std::exp(scores[t] - most);
    if (c.stats) {
      const double got = stats.at(Place(StridesOf(a.stats()), {at[0], at[1], at[2], 0}));
      if (most == -kInfinity)
        ASSERT_EQ(got, -kInfinity) << what << " at " << absl::StrJoin(at, ",");
      else
        ASSERT_NEAR(got, most + std::log(total), tolerance_of_stats * std::max(1.0, std::abs(most))) << what;
    }
    for (int64_t e = 0; e < c.value_size; ++e) {
      double want = 0;
      for (int64_t t = first; t < last; ++t)
        want += scores[t] / total * v.at(Place(StridesOf(a.v()), {n, group, t, e}));
      const double got = dst.at(Place(StridesOf(a.dst()), {at[0], at[1], at[2], e}));
      if (std::isnan(want)) {
        if (zero_if_nan)
          ASSERT_EQ(got, 0) << what << " at " << absl::StrJoin(at, ",");
        else
          ASSERT_TRUE(std::isnan(got)) << what << " at " << absl::StrJoin(at, ",");
        continue;
      }
      ASSERT_NEAR(got, want, tolerance) << what << " at " << absl::StrJoin(at, ",") << "," << e;
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

// Rows of a block: one, some of its four, more than one block's; heads that share keys, and queries.
TEST(Attention, FewQueriesOfHeadsThatShareKeys) {
  for (auto [heads, groups] : {std::pair<int64_t, int64_t>{8, 8}, {8, 2}, {7, 1}, {6, 3}})
    for (int64_t queries : {1, 2, 3})
      for (bool exchanged : {false, true})
        Check({2, heads, groups, queries, 90, 32, 40, plan::F16, {2, heads, queries, 90}, exchanged, 1, plan::F32});
}

// Parts that divide the keys, that do not, of one key, of more than there are.
TEST(Attention, FewQueriesToPartsOfTheKeys) {
  for (plan::DataType type : {plan::F32, plan::BF16})
    for (int64_t keys_of_part : {1, 7, 30, 60, 100})
      for (auto [heads, queries] : {std::pair<int64_t, int64_t>{2, 1}, {8, 2}}) {
        Case c{2, heads, 2, queries, 60, 16, 24, type, {2, 1, queries, 60}, heads == 8, 1};
        c.stats = true;
        c.keys_of_part = keys_of_part;
        Check(c);
        c.mask = {60};
        // A part of which nothing may be seen.
        Check(c, true, [](Operand& mask) {
          for (int64_t i = 7; i < 14; ++i) mask.set(i, -kInfinity);
        });
      }
  plan::LibraryOp op;
  Case many{2, 2, 2, runtime::kFewQueries + 1, 60, 16, 16};
  many.keys_of_part = 30;
  *op.mutable_attention() = Attention(many);
  EXPECT_EQ(LibraryKernelRun(op).status().code(), absl::StatusCode::kUnimplemented);
}

// Lanes that share a key: one, some, all, several times; accesses of all widths.
TEST(Attention, FewQueriesOfAllSizes) {
  int64_t padding = 0;
  for (plan::DataType type : {plan::F32, plan::F16, plan::BF16})
    for (auto [size, value_size] : {std::pair<int64_t, int64_t>{4, 8}, {5, 7}, {64, 32}, {40, 128}, {250, 256}})
      Check({1, 4, 2, 2, 150, size, value_size, type, {2, 150}, padding % 2 == 0, padding++ % 3, plan::F32});
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
  for (plan::DataType type : {plan::F32, plan::F16, plan::BF16})
    for (int64_t queries : {2, 20})
      for (bool zero : {false, true})
        Check({1, 2, 2, queries, 160, 8, 8, type, {queries, 160}}, zero, [&](Operand& mask) {
          for (int64_t row = 0; row < queries; ++row)
            for (int64_t key = 0; key < 160; ++key) {
              const bool forbidden = row % 4 == 0   ? key > row
                                     : row % 4 == 1 ? key < 80
                                     : row % 4 == 2 ? row == 2 || key % 2 == 0
                                                    : false;
              mask.set(row * 160 + key, forbidden ? -kInfinity : 0);
            }
        });
  for (plan::DataType type : {plan::F32, plan::F16})
    for (int64_t queries : {2, 20}) Check({1, 2, 2, queries, 0, 8, 8, type}, true);
}

// Rows of which the mask leaves nothing, by the least number that f32 has instead of -infinity: all keys weigh alike.
TEST(Attention, MasksOfTheLeastNumber) {
  for (plan::DataType type : {plan::F32, plan::F16, plan::BF16})
    Check({1, 2, 2, 20, 40, 16, 16, type, {20, 40}, false, 0, plan::F32}, false, [](Operand& mask) {
      for (int64_t place = 0; place < mask.size(); ++place)
        mask.set(place, place / 40 == 3 || place % 3 == 0 ? std::numeric_limits<float>::lowest() : 0);
    });
}

// Every form of the kernel, whole rows and parts of rows, with strides and masks that forbid a row.
TEST(Attention, Statistics) {
  const auto forbid = [](Operand& mask) {
    for (int64_t place = 0; place < mask.size(); ++place)
      if (place / 90 == 3 || place % 7 == 0) mask.set(place, -kInfinity);
  };
  bool masked = false;
  for (plan::DataType type : {plan::F32, plan::F16, plan::BF16})
    for (int64_t queries : {2, 40})
      for (int64_t size : {48, 128, 256}) {
        masked = !masked;
        Case c = {1, 4, 2, queries, 90, size, size, type};
        if (masked) c.mask = {queries, 90};
        c.exchanged = !masked;
        c.padding = masked ? 2 : 0;
        c.stats = true;
        Check(c, size == 128, masked ? forbid : std::function<void(Operand&)>());
        c.tf32 = type == plan::F32 && size <= 128 && queries > 4;
        if (c.tf32) Check(c, false, masked ? forbid : std::function<void(Operand&)>());
      }
  for (int64_t queries : {2, 20}) {
    for (int64_t keys : {0, 30}) {  // and where there is nothing else to write
      Case c = {1, 2, 2, queries, keys, 8, keys == 0 ? 8 : 0};
      c.stats = true;
      Check(c, true);
    }
  }
}

TEST(Attention, WithoutStatisticsNothingComputesThem) {
  for (int64_t queries : {1, 70}) {
    Case c = {1, 2, 2, queries, 80, 64, 64, plan::F16};
    auto words = [&](bool stats) {
      c.stats = stats;
      plan::LibraryOp op;
      *op.mutable_attention() = Attention(c);
      return absl::StrContains(LibraryKernelRun(op).code().ptx, "st.global.f32");
    };
    EXPECT_FALSE(words(false));
    EXPECT_TRUE(words(true));
  }
}

TEST(TensorAttention, RandomShapesStridesAndMasks) {
  std::mt19937 random(5);
  auto draw = [&](int64_t low, int64_t high) { return std::uniform_int_distribution<int64_t>(low, high)(random); };
  const int64_t most[] = {64, 128, 256};
  for (int i = 0; i < 36; ++i) {
    Case c = {draw(1, 2), 1, draw(1, 2), draw(5, 140), draw(1, 150), 0, 0};
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

TEST(TensorAttention, OfF32RoundedToTf32) {
  std::mt19937 random(7);
  auto draw = [&](int64_t low, int64_t high) { return std::uniform_int_distribution<int64_t>(low, high)(random); };
  for (int i = 0; i < 12; ++i) {
    const int64_t most = i % 2 == 0 ? 64 : 128, queries = draw(5, 140), keys = draw(1, 100);
    Case c = {draw(1, 2), 4, draw(0, 1) == 0 ? 2 : 4, queries, keys, 2 * draw(1, most / 2), 2 * draw(1, most / 2)};
    if (i < 4) c.size = c.value_size = most;
    c.exchanged = draw(0, 1) != 0;
    c.padding = 2 * draw(0, 2);
    if (draw(0, 1) != 0) c.mask = {queries, keys};
    c.tf32 = true;
    Check(c);
  }
}

TEST(TensorAttention, TakesPairsFromAmpereOn) {
  auto threads = [](const Case& c, const char* arch) {
    plan::LibraryOp op;
    *op.mutable_attention() = Attention(c);
    op.set_tf32(c.tf32);
    LibraryKernelRun run(op, arch);
    EXPECT_TRUE(run.status().ok()) << run.status();
    return absl::StrContains(run.code().ptx, "mma.sync") ? run.kernel().threads : 0;
  };
  for (int64_t size : {16, 100, 200}) {
    EXPECT_EQ(threads({1, 2, 2, 70, 80, size, size, plan::F16}, "sm_80"), 128);
    EXPECT_EQ(threads({1, 2, 2, 70, 80, size, size, plan::BF16}, "sm_90"), 128);
  }
  EXPECT_EQ(threads({1, 2, 2, 70, 80, 16, 16, plan::F16}, "sm_75"), 0);
  EXPECT_EQ(threads({1, 2, 2, 70, 80, 16, 16, plan::F32}, "sm_80"), 0);
  Case f32 = {1, 2, 2, 70, 80, 16, 16};
  f32.tf32 = true;
  EXPECT_EQ(threads(f32, "sm_80"), 128);
  EXPECT_EQ(threads(f32, "sm_75"), 0);
  EXPECT_EQ(threads({1, 2, 2, 70, 80, 15, 16, plan::F16}, "sm_80"), 0);
  EXPECT_EQ(threads({1, 2, 2, 2, 80, 16, 16, plan::F16}, "sm_80"), 0);
}

TEST(Attention, EveryBarrierIsNeeded) {
  int barriers = 0;
  const std::vector<std::tuple<int64_t, plan::DataType, bool>> kinds = {{1, plan::F32, false},
                                                                        {20, plan::F32, false},
                                                                        {20, plan::F16, false},
                                                                        {20, plan::BF16, false},
                                                                        {20, plan::F32, true}};
  for (const auto& [queries, type, tf32] : kinds) {
    plan::LibraryOp op;
    *op.mutable_attention() = Attention({1, 1, 1, queries, 200, 32, 32, type});
    op.set_tf32(tf32);
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
  EXPECT_EQ(barriers, 1 + 4 + 3 * 2);  // by tensor cores: a barrier, and a wait for copies
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
