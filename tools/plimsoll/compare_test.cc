#include "tools/plimsoll/compare.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

namespace plimsoll::cli {
namespace {

template <typename T>
Tensor Make(plan::DataType dtype, const std::vector<T>& values) {
  Tensor tensor;
  tensor.type.set_dtype(dtype);
  tensor.type.add_dims(values.size());
  tensor.bytes.assign(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T));
  return tensor;
}

TEST(Compare, HoldsFloatsToBothTolerances) {
  const Tolerance tolerance{1e-3, 1e-4};
  const Tensor expected = Make<float>(plan::F32, {0, 100});
  EXPECT_TRUE(Compare(Make<float>(plan::F32, {0.00009f, 100.09f}), expected, tolerance).equal);
  EXPECT_FALSE(Compare(Make<float>(plan::F32, {0.0002f, 100}), expected, tolerance).equal);
  EXPECT_FALSE(Compare(Make<float>(plan::F32, {0, 100.2f}), expected, tolerance).equal);
}

TEST(Compare, RootMeanSquareLetsSingleElementsDiffer) {
  std::vector<float> values(100, 1.0f), other = values;
  other[7] = 1.3f;
  const Tensor expected = Make<float>(plan::F32, values), actual = Make<float>(plan::F32, other);
  EXPECT_NEAR(Compare(actual, expected, {}).rms_relative, 0.03, 1e-6);
  EXPECT_TRUE(Compare(actual, expected, {1e-3, 1e-4, 0.031}).equal);
  EXPECT_FALSE(Compare(actual, expected, {1e-3, 1e-4, 0.029}).equal);
  other[7] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_FALSE(Compare(Make<float>(plan::F32, other), expected, {1e-3, 1e-4, 0.5}).equal);
}

TEST(Compare, NanEqualsNanOnly) {
  const float nan = std::numeric_limits<float>::quiet_NaN(), infinity = std::numeric_limits<float>::infinity();
  const Tensor expected = Make<float>(plan::F32, {nan, infinity});
  EXPECT_TRUE(Compare(Make<float>(plan::F32, {nan, infinity}), expected, {}).equal);
  EXPECT_FALSE(Compare(Make<float>(plan::F32, {0, infinity}), expected, {}).equal);
  EXPECT_FALSE(Compare(Make<float>(plan::F32, {nan, -infinity}), expected, {}).equal);
  EXPECT_FALSE(Compare(Make<float>(plan::F32, {nan, nan}), expected, {}).equal);
}

TEST(Compare, EightBitFloatsByValue) {
  auto make = [](plan::DataType dtype, uint8_t code) { return Make<uint8_t>(dtype, {code}); };
  EXPECT_TRUE(Compare(make(plan::F8E5M2, 0x7e), make(plan::F8E5M2, 0x7f), {}).equal);   // NaN
  EXPECT_FALSE(Compare(make(plan::F8E5M2, 0x7c), make(plan::F8E5M2, 0x7b), {}).equal);  // infinity, 57344
  EXPECT_TRUE(Compare(make(plan::F8E4M3FN, 0x80), make(plan::F8E4M3FN, 0), {}).equal);  // -0
  EXPECT_FALSE(Compare(make(plan::F8E4M3FN, 0x7e), make(plan::F8E4M3FN, 0x7f), {}).equal);
  EXPECT_FALSE(Compare(make(plan::F8E4M3FNUZ, 0x80), make(plan::F8E4M3FNUZ, 0), {}).equal);
}

TEST(Compare, IntegersExactlyAndTypesToo) {
  const Tensor expected = Make<int64_t>(plan::I64, {1, 1LL << 60});
  EXPECT_TRUE(Compare(expected, expected, {}).equal);
  EXPECT_FALSE(Compare(Make<int64_t>(plan::I64, {1, (1LL << 60) + 1}), expected, {1, 1}).equal);
  EXPECT_FALSE(Compare(Make<int64_t>(plan::U64, {1, 1LL << 60}), expected, {}).equal);
  EXPECT_FALSE(Compare(Make<int64_t>(plan::I64, {1}), expected, {}).equal);
}

TEST(Compare, ReadsHalves) {
  // 1.0 and 1.0009765625 in f16; the largest finite against infinity.
  EXPECT_TRUE(Compare(Make<uint16_t>(plan::F16, {0x3c01}), Make<uint16_t>(plan::F16, {0x3c00}), {1e-3, 1e-4}).equal);
  EXPECT_FALSE(Compare(Make<uint16_t>(plan::F16, {0x3c01}), Make<uint16_t>(plan::F16, {0x3c00}), {1e-4, 1e-4}).equal);
  EXPECT_FALSE(Compare(Make<uint16_t>(plan::F16, {0x7bff}), Make<uint16_t>(plan::F16, {0x7c00}), {1e-3, 1e-4}).equal);
  EXPECT_TRUE(Compare(Make<uint16_t>(plan::BF16, {0x3f80}), Make<uint16_t>(plan::BF16, {0x3f80}), {0, 0}).equal);
}

}  // namespace
}  // namespace plimsoll::cli
