#include "runtime/collective/reduction.h"

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "gtest/gtest.h"
#include "ir/plan/collective.h"
#include "ir/plan/types.h"
#include "runtime/collective/testing/reference.h"

namespace plimsoll::runtime::collective {
namespace {

template <typename T>
std::vector<T> ReduceVectors(plan::DataType type, plan::Collective::Reduction reduction,
                             const std::vector<std::vector<T>>& sources) {
  std::vector<T> result(sources[0].size());
  std::vector<const void*> from;
  for (const auto& source : sources) from.push_back(source.data());
  void* to = result.data();
  Reduce(type, reduction, from, absl::MakeConstSpan(&to, 1), static_cast<int64_t>(result.size()));
  return result;
}

TEST(ReductionTest, EveryTypeAndReductionAgainstDoublePrecision) {
  std::mt19937 random(1);
  int tried = 0;
  for (const plan::DataType type : testing::AllTypes()) {
    for (int r = plan::Collective::SUM; r <= plan::Collective::AVERAGE; ++r) {
      plan::Collective collective;
      collective.set_kind(plan::Collective::ALL_REDUCE);
      collective.set_dtype(type);
      collective.set_reduction(static_cast<plan::Collective::Reduction>(r));
      if (!plan::HasReduction(type, collective.reduction())) continue;
      for (const int n : {1, 2, 4}) {
        for (const int64_t count : {1, 511, 512, 513, 2000}) {
          std::vector<testing::Elements> sources;
          std::vector<std::vector<std::byte>> bytes;
          std::vector<const void*> from;
          std::vector<void*> to;
          for (int p = 0; p < n; ++p) {
            sources.push_back(testing::RandomElements(type, count, random));
            bytes.push_back(testing::Bytes(type, sources.back()));
          }
          // In place, on all.
          for (auto& each : bytes) {
            from.push_back(each.data());
            to.push_back(each.data());
          }
          Reduce(type, collective.reduction(), from, to, count);
          const testing::Elements expected = testing::Expected(collective, sources)[0];
          for (const auto& each : bytes) {
            for (int64_t i = 0; i < count; ++i) {
              ASSERT_EQ(testing::Load(type, each.data(), i), expected[static_cast<size_t>(i)])
                  << plan::Name(type) << " " << plan::Name(collective.reduction()) << " " << i;
            }
          }
          ++tried;
        }
      }
    }
  }
  EXPECT_EQ(tried, (6 * 3 + 4 * 4) * 15);
}

TEST(ReductionTest, IntegersWrap) {
  using Limits = std::numeric_limits<int32_t>;
  const auto sum = ReduceVectors<int32_t>(plan::I32, plan::Collective::SUM, {{Limits::max()}, {1}, {Limits::min()}});
  EXPECT_EQ(sum[0], 0);
  EXPECT_EQ(ReduceVectors<uint8_t>(plan::U8, plan::Collective::SUM, {{200}, {100}})[0], 44);
  EXPECT_EQ(ReduceVectors<int8_t>(plan::I8, plan::Collective::SUM, {{100}, {100}})[0], -56);
  EXPECT_EQ(ReduceVectors<int64_t>(plan::I64, plan::Collective::MIN, {{5}, {-7}})[0], -7);
  EXPECT_EQ(ReduceVectors<uint64_t>(plan::U64, plan::Collective::MAX, {{5}, {~uint64_t{0}}})[0], ~uint64_t{0});
}

TEST(ReductionTest, SumsInTheOrderOfTheSourcesWiderThanHalves) {
  std::mt19937 random(2);
  std::normal_distribution<float> normal;
  std::vector<std::vector<float>> sources(5, std::vector<float>(100));
  for (auto& source : sources) {
    for (float& value : source) value = normal(random);
  }
  const auto sum = ReduceVectors(plan::F32, plan::Collective::SUM, sources);
  for (size_t i = 0; i < 100; ++i) {
    float expected = sources[0][i];
    for (size_t p = 1; p < 5; ++p) expected += sources[p][i];
    EXPECT_EQ(sum[i], expected);
  }
  // 256 + 1 + 1 in bf16, which has 8 bits: 258 where the sum is wider, else 256.
  std::vector<std::vector<uint16_t>> halves(3, std::vector<uint16_t>(1));
  const double values[] = {256, 1, 1};
  for (size_t p = 0; p < 3; ++p) {
    testing::Store(plan::BF16, reinterpret_cast<std::byte*>(halves[p].data()), 0, values[p]);
  }
  const auto half = ReduceVectors(plan::BF16, plan::Collective::SUM, halves);
  EXPECT_EQ(testing::Load(plan::BF16, reinterpret_cast<const std::byte*>(half.data()), 0), 258);
}

TEST(ReductionTest, ANumberComesBeforeANaN) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(ReduceVectors<float>(plan::F32, plan::Collective::MAX, {{nan, 1}, {2, nan}}), (std::vector<float>{2, 1}));
  EXPECT_EQ(ReduceVectors<float>(plan::F32, plan::Collective::MIN, {{nan, 1}, {2, nan}}), (std::vector<float>{2, 1}));
  EXPECT_TRUE(std::isnan(ReduceVectors<float>(plan::F32, plan::Collective::SUM, {{nan}, {2}})[0]));
}

}  // namespace
}  // namespace plimsoll::runtime::collective
