#include "tools/plimsoll/text.h"

#include <gtest/gtest.h>

namespace plimsoll::cli {
namespace {

TEST(ParseBytes, ReadsBaseTwoUnits) {
  EXPECT_EQ(*ParseBytes("512"), 512);
  EXPECT_EQ(*ParseBytes("512M"), 512LL << 20);
  EXPECT_EQ(*ParseBytes("6GiB"), 6LL << 30);
  EXPECT_EQ(*ParseBytes("1.5k"), 1536);
  EXPECT_EQ(*ParseBytes("9007199254740993"), 9007199254740993);   // beyond a double's integers
}

TEST(ParseBytes, RefusesWhatIsNoSize) {
  for (const char* text : {"", "G", "-1", "1X", "1.2.3M", "1GiBs", "99999999999T", "nan"}) {
    EXPECT_EQ(ParseBytes(text).status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
}

TEST(ParseShape, SplitsAtTheLastColon) {
  auto shape = ParseShape("serving_default:0:1x43844x1");
  ASSERT_TRUE(shape.ok());
  EXPECT_EQ(shape->first, "serving_default:0");
  EXPECT_EQ(shape->second, (std::vector<int64_t>{1, 43844, 1}));
  EXPECT_TRUE(ParseShape("sr:")->second.empty());
}

TEST(ParseShape, RefusesWhatIsNoShape) {
  for (const char* text : {"x", ":1x2", "x:1xx2", "x:-1", "x:a"}) {
    EXPECT_EQ(ParseShape(text).status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
}

TEST(FormatBytes, RoundsToUnits) {
  EXPECT_EQ(FormatBytes(0), "0 B");
  EXPECT_EQ(FormatBytes(1536), "1.50 KiB");
  EXPECT_EQ(FormatBytes(3LL << 30), "3.00 GiB");
}

}  // namespace
}  // namespace plimsoll::cli
