// What the rules and emulations of both libraries share.
#include <cmath>

#include "gtest/gtest.h"
#include "runtime/library/nvidia/address.h"
#include "runtime/library/nvidia/shared_library.h"
#include "runtime/library/nvidia/testing/device_tensor.h"

namespace plimsoll::runtime::nvidia {
namespace {

TEST(NvidiaTest, SharedObjectsThatAreMissingAreNamed) {
  void* address = nullptr;
  const absl::Status missing = OpenShared({"libnothing_of_this_name.so.1"}, {});
  EXPECT_EQ(missing.code(), absl::StatusCode::kUnavailable);
  EXPECT_NE(missing.message().find("libnothing_of_this_name.so.1"), std::string::npos);
  const absl::Status no_symbol =
      OpenShared({"libnothing_of_this_name.so.1", "libm.so.6"}, {{"no_such_function", &address}});
  EXPECT_EQ(no_symbol.code(), absl::StatusCode::kUnavailable);
  EXPECT_NE(no_symbol.message().find("no_such_function"), std::string::npos);
  EXPECT_EQ(OpenShared({"libm.so.6"}, {{"cos", &address}}), absl::OkStatus());
  EXPECT_NE(address, nullptr);
}

// Half precision against the compiler's own type, bf16 against its neighbours.
TEST(NvidiaTest, ElementsAreRoundedToNearestEven) {
  for (int bits = 0; bits < 65536; ++bits) {
    const uint16_t half = static_cast<uint16_t>(bits);
    _Float16 native;
    std::memcpy(&native, &half, 2);
    const double value = LoadElement(plan::F16, &half, 0);
    if (std::isnan(static_cast<float>(native))) {
      EXPECT_TRUE(std::isnan(value));
      continue;
    }
    ASSERT_EQ(value, static_cast<double>(native)) << bits;
    uint16_t back = 0;
    StoreElement(plan::F16, &back, 0, value);
    ASSERT_EQ(back, half);
  }
  std::mt19937 generator(1);
  std::uniform_real_distribution<double> exponent(-27, 17), mantissa(-2, 2);
  for (int i = 0; i < 100000; ++i) {
    const double value = mantissa(generator) * std::exp2(exponent(generator));
    const _Float16 want = static_cast<_Float16>(value);
    uint16_t got = 0, expected = 0;
    StoreElement(plan::F16, &got, 0, value);
    std::memcpy(&expected, &want, 2);
    ASSERT_EQ(got, expected) << value;
    // No neighbour is nearer, and none as near is even where this one is odd.
    StoreElement(plan::BF16, &got, 0, value);
    const double distance = std::abs(LoadElement(plan::BF16, &got, 0) - value);
    for (int step : {-1, 1}) {
      const uint16_t neighbour = static_cast<uint16_t>(got + step);
      const double other = std::abs(LoadElement(plan::BF16, &neighbour, 0) - value);
      ASSERT_TRUE(distance < other || (distance == other && got % 2 == 0)) << value;
    }
  }
  EXPECT_EQ(RoundToTf32(1 + 1.0 / 4096), 1);
  EXPECT_EQ(RoundToTf32(1 + 1.0 / 1024), 1 + 1.0 / 1024);
}

TEST(NvidiaTest, WorkspacesAreCutToTheirAlignment) {
  char* const base = reinterpret_cast<char*>(0x10040);
  EXPECT_EQ(Aligned(base, 1000, 256).address, base + 0xc0);
  EXPECT_EQ(Aligned(base, 1000, 256).bytes, 1000 - 0xc0);
  EXPECT_EQ(Aligned(base, 100, 256).address, nullptr);
  EXPECT_EQ(Aligned(base, 100, 64).bytes, 100);
  EXPECT_EQ(Aligned(nullptr, 0, 256).address, nullptr);
}

}  // namespace
}  // namespace plimsoll::runtime::nvidia
