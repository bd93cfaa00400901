#include "ir/plan/onnx_elements.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

namespace plimsoll::plan {
namespace {

constexpr int kUint4 = 21, kInt4 = 22, kFloat4E2M1 = 23, kFloat8E8M0 = 24, kUint2 = 25, kInt2 = 26;

TEST(OnnxElements, EveryKeptTypeHasItsNumber) {
  for (int dtype = BOOL; dtype <= F8E5M2FNUZ; ++dtype) {
    const OnnxElement* element = FindOnnxElement(OnnxNumber(static_cast<DataType>(dtype)));
    ASSERT_NE(element, nullptr) << dtype;
    EXPECT_EQ(element->kept, dtype);
    EXPECT_FALSE(element->narrow());
  }
  EXPECT_EQ(OnnxNumber(DATA_TYPE_UNDEFINED), 0);
  for (int number : {0, 8, 14, 15, 27, -1}) EXPECT_EQ(FindOnnxElement(number), nullptr) << number;
}

TEST(OnnxElements, IntegersLowBitsFirst) {
  const OnnxElement& int4 = *FindOnnxElement(kInt4);
  EXPECT_EQ(StoredBytes(int4, 3), 2);
  EXPECT_EQ(FromStored(int4, "\x8f\x07", 3), std::string("\xff\xf8\x07"));  // -1, -8, 7
  EXPECT_EQ(FromStored(*FindOnnxElement(kUint4), "\x8f\x07", 3), std::string("\x0f\x08\x07"));
  EXPECT_EQ(FromStored(*FindOnnxElement(kInt2), "\xe4", 4), std::string("\x00\x01\xfe\xff", 4));
  EXPECT_EQ(FromStored(*FindOnnxElement(kUint2), "\xe4", 4), std::string("\x00\x01\x02\x03", 4));
  EXPECT_EQ(FromStored(int4, "", 0), "");
}

TEST(OnnxElements, EveryCodeComesBack) {
  for (int number : {kUint4, kInt4, kFloat4E2M1, kFloat8E8M0, kUint2, kInt2}) {
    const OnnxElement& element = *FindOnnxElement(number);
    std::string stored;
    for (int code = 0; code < 256; ++code) stored.push_back(static_cast<char>(code));
    const std::string kept = FromStored(element, stored, 256 * 8 / element.stored_bits);
    EXPECT_EQ(kept.size(), 256u * 8 / element.stored_bits * element.kept_bytes);
    EXPECT_EQ(ToStored(element, kept), stored) << number;
  }
}

TEST(OnnxElements, PowersOfTwoAreThoseOfBf16) {
  std::string stored;
  for (int code = 0; code < 256; ++code) stored.push_back(static_cast<char>(code));
  const std::string kept = FromStored(*FindOnnxElement(kFloat8E8M0), stored, 256);
  for (int code = 0; code < 256; ++code) {
    uint16_t bits;
    std::memcpy(&bits, kept.data() + 2 * code, 2);
    const uint32_t wide = static_cast<uint32_t>(bits) << 16;
    float value;
    std::memcpy(&value, &wide, 4);
    if (code == 255) {
      EXPECT_TRUE(std::isnan(value));
    } else {
      EXPECT_EQ(value, std::ldexp(1.0f, code - 127)) << code;
    }
  }
}

}  // namespace
}  // namespace plimsoll::plan
