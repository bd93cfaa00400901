#include "passes/cost/hardware.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

namespace plimsoll::hardware {
namespace {

using testing::HasSubstr;

TEST(HardwareTest, NamesAndAliasesAreUnique) {
  std::set<std::string> names;
  for (const Gpu& gpu : Catalogue()) {
    EXPECT_TRUE(names.insert(gpu.name()).second) << gpu.name();
    for (const std::string& alias : gpu.aliases()) EXPECT_TRUE(names.insert(alias).second) << alias;
  }
  EXPECT_GE(Catalogue().size(), 9u);
}

TEST(HardwareTest, FindsByNameAliasAndCase) {
  ASSERT_TRUE(FindGpu("H200").ok());
  EXPECT_EQ((*FindGpu("H200"))->full_name(), "NVIDIA H200 SXM 141GB");
  EXPECT_EQ((*FindGpu("a100"))->name(), "a100-80gb");
  const auto unknown = FindGpu("h300");
  EXPECT_EQ(unknown.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(unknown.status().message()), HasSubstr("a100-40gb, a100-80gb, b200"));
}

TEST(HardwareTest, FiguresAreOfTheRightSize) {
  for (const Gpu& gpu : Catalogue()) {
    SCOPED_TRACE(gpu.name());
    // Ridge points of these generations: 20 to 700 operations a byte, tensor over vector 1 to 40.
    const double tensor = RateOf(gpu, Rate::TENSOR, "f16"), vector = RateOf(gpu, Rate::VECTOR, "f32");
    EXPECT_GT(tensor / gpu.memory_bandwidth().value(), 20);
    EXPECT_LT(tensor / gpu.memory_bandwidth().value(), 700);
    EXPECT_GE(tensor / vector, 1);
    EXPECT_LT(tensor / vector, 40);
    EXPECT_GT(BudgetBytes(gpu), int64_t{11} << 30);
    EXPECT_LT(BudgetBytes(gpu), int64_t{192} << 30);
  }
  EXPECT_EQ(Architecture(**FindGpu("b200")), "sm_100");
}

TEST(HardwareTest, WrongEntriesAreRefused) {
  const std::string good = FindGpu("t4").value()->DebugString();
  ASSERT_TRUE(ParseGpu(good, "x").ok()) << ParseGpu(good, "x").status();
  auto refused = [&](const std::string& from, const std::string& to) {
    std::string text = good;
    text.replace(text.find(from), from.size(), to);
    const auto gpu = ParseGpu(text, "x.textproto");
    return gpu.ok() ? "accepted" : std::string(gpu.status().message());
  };
  EXPECT_THAT(refused("name: \"t4\"", "name: 4"), HasSubstr("x.textproto: line 1, column"));
  EXPECT_THAT(refused("name: \"t4\"", "nom: \"t4\""), HasSubstr("nom"));
  EXPECT_THAT(refused("value: 40", "value: -40"), HasSubstr("multiprocessors is -40"));
  EXPECT_THAT(refused("capability_major: 7", "capability_major: 1"), HasSubstr("compute capability"));
  EXPECT_THAT(refused("type: \"f32\"", "type: \"f31\""), HasSubstr("no vector rate of f32"));
}

}  // namespace
}  // namespace plimsoll::hardware
