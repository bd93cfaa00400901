#include "passes/memory/csv_io.h"

#include <cstdio>
#include <fstream>
#include <optional>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "passes/memory/page.h"

namespace plimsoll::memory {
namespace {

using ::testing::HasSubstr;

void ExpectRefused(absl::string_view text, const char* line, const char* reason) {
  const absl::Status status = ParseCsv(text).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr(line));
  EXPECT_THAT(std::string(status.message()), HasSubstr(reason));
}

TEST(Csv, ReadsColumnsInAnyOrder) {
  const absl::StatusOr<CsvProblem> problem =
      ParseCsv("\xEF\xBB\xBFsize,id,alignment,note,lower,upper\r\n4096,b1,64,hello,-3,9\r\n\r\n0,b2,1,,0,1\r\n");
  ASSERT_TRUE(problem.ok()) << problem.status();
  EXPECT_THAT(problem->ids, testing::ElementsAre("b1", "b2"));
  EXPECT_TRUE(problem->has_alignment);
  EXPECT_EQ(problem->problem.buffers[0].lower, -3);
  EXPECT_EQ(problem->problem.buffers[0].upper, 9);
  EXPECT_EQ(problem->problem.buffers[0].size, 4096);
  EXPECT_EQ(problem->problem.buffers[0].alignment, 64);
}

TEST(Csv, NamesLineAndReason) {
  ExpectRefused("", "line 1", "empty");
  ExpectRefused("id,lower,upper\n", "line 1", "no column \"size\"");
  ExpectRefused("id,lower,upper,size,size\n", "line 1", "named twice");
  ExpectRefused("id,lower,upper,size\n1,0,1\n", "line 2", "no \"size\"");
  ExpectRefused("id,lower,upper,size\n1,0,1,4\n\n2,0,x,4\n", "line 4", "upper \"x\" is not an integer");
  ExpectRefused("id,lower,upper,size\n1,0,1,9223372036854775808\n", "line 2", "not an integer of 64 bits");
  ExpectRefused("id,lower,upper,size\n1,5,5,4\n", "line 2", "interval [5, 5) is empty");
  ExpectRefused("id,lower,upper,size\n1,0,1,-4\n", "line 2", "negative");
  ExpectRefused("id,lower,upper,size,alignment\n1,0,1,4,0\n", "line 2", "alignment 0");
  ExpectRefused("id,lower,upper,size\n1,0,1,4\n1,0,1,4\n", "line 3", "occurs twice");
  ExpectRefused("id,lower,upper,size\n,0,1,4\n", "line 2", "id is empty");
}

TEST(Csv, ReadsAndWritesFixedOffsetsAndArenas) {
  const absl::string_view text = "id,lower,upper,size,fixed_offset,arena\na,0,2,8,16,0\nb,0,2,8,,3\n";
  const absl::StatusOr<CsvProblem> problem = ParseCsv(text);
  ASSERT_TRUE(problem.ok()) << problem.status();
  EXPECT_EQ(problem->problem.buffers[0].fixed_offset, 16);
  EXPECT_EQ(problem->problem.buffers[1].fixed_offset, std::nullopt);
  EXPECT_EQ(problem->problem.buffers[1].arena, 3);
  EXPECT_EQ(FormatCsv(*problem, {.offsets = {16, 0}}),
            "id,lower,upper,size,fixed_offset,arena,offset\na,0,2,8,16,0,16\nb,0,2,8,,3,0\n");
  ExpectRefused("id,lower,upper,size,arena\n1,0,1,4,-1\n", "line 2", "arena \"-1\"");
  ExpectRefused("id,lower,upper,size,arena\n1,0,1,4,99999999999\n", "line 2", "not a number");
  ExpectRefused("id,lower,upper,size,fixed_offset\n1,0,1,4,x\n", "line 2", "fixed_offset \"x\"");
  ExpectRefused("id,lower,upper,size,fixed_offset\n1,0,1,4,-4\n", "line 2", "negative");
  ExpectRefused("id,lower,upper,size,alignment,fixed_offset\n1,0,1,4,8,12\n", "line 2", "no multiple");
}

TEST(Csv, ReadsAndWritesInPlacePairsAndForbiddenRegions) {
  const absl::string_view text =
      "id,lower,upper,size,fixed_offset,may_share,forbidden\na,0,2,8,,b c,0\nr,0,9,4,16,,1\nb,1,3,8,,,\nc,1,3,6,,,0\n";
  const absl::StatusOr<CsvProblem> problem = ParseCsv(text);
  ASSERT_TRUE(problem.ok()) << problem.status();
  EXPECT_THAT(problem->ids, testing::ElementsAre("a", "b", "c"));
  EXPECT_THAT(problem->region_ids, testing::ElementsAre("r"));
  EXPECT_THAT(problem->problem.may_share, testing::ElementsAre(testing::Pair(0, 1), testing::Pair(0, 2)));
  ASSERT_EQ(problem->problem.forbidden.size(), 1);
  EXPECT_EQ(problem->problem.forbidden[0].begin, 16);
  EXPECT_EQ(problem->problem.forbidden[0].end, 20);
  EXPECT_EQ(problem->problem.forbidden[0].upper, 9);
  const std::string written =
      "id,lower,upper,size,fixed_offset,may_share,forbidden\na,0,2,8,,b c,0\nb,1,3,8,,,0\nc,1,3,6,,,0\nr,0,9,4,16,,1\n";
  EXPECT_EQ(FormatCsv(*problem), written);
  EXPECT_EQ(FormatCsv(*ParseCsv(written)), written);
  EXPECT_THAT(FormatCsv(*problem, {.offsets = {0, 0, 8}}), HasSubstr("c,1,3,6,,,0,8\nr,0,9,4,16,,1,16\n"));
}

TEST(Csv, RefusesHostilePairsAndRegions) {
  ExpectRefused("id,lower,upper,size,may_share\na,0,2,8,\nb,1,3,8,a x\n", "line 3", "no line has the id \"x\"");
  ExpectRefused("id,lower,upper,size,may_share\na,0,2,8,a\n", "line 2", "own id");
  ExpectRefused("id,lower,upper,size,arena,may_share\na,0,2,8,0,b\nb,0,2,8,1,\n", "line 2", "another arena");
  const std::string header = "id,lower,upper,size,fixed_offset,may_share,forbidden\n";
  ExpectRefused(header + "a,0,2,8,,r,0\nr,0,2,8,0,,1\n", "line 2", "\"r\" is a forbidden region");
  ExpectRefused(header + "r,0,2,8,0,r,1\n", "line 2", "shares with nothing");
  ExpectRefused(header + "r,0,2,8,,,1\n", "line 2", "without fixed_offset");
  ExpectRefused(header + "r,0,2,0,0,,1\n", "line 2", "size 0");
  ExpectRefused(header + "r,0,2,8,9223372036854775807,,1\n", "line 2", "beyond 2^63");
  ExpectRefused(header + "r,0,2,8,-4,,1\n", "line 2", "negative");
  ExpectRefused(header + "r,0,2,8,0,,yes\n", "line 2", "neither 0 nor 1");
  ExpectRefused(header + "r,0,2,8,0,,1\nr,0,2,8,,,0\n", "line 3", "occurs twice");
}

TEST(Page, DrawsEveryBufferAndEscapesNames) {
  absl::StatusOr<CsvProblem> problem = ParseCsv("id,lower,upper,size,arena\n<a>,0,2,8,0\nb,1,3,8,0\nc,0,1,4,2\n");
  problem->problem.capacity = 20;
  const std::string page =
      Page(*problem, {.offsets = {0, 8, 0}, .arena_sizes = {16, 0, 4}, .arena_size = 20, .lower_bound = 20});
  EXPECT_THAT(page, HasSubstr("&lt;a&gt;: 8 bytes at 0, [0, 2)"));
  EXPECT_THAT(page, HasSubstr("b: 8 bytes at 8, [1, 3)"));
  EXPECT_THAT(page, HasSubstr("Arena 2: 4 bytes"));
  EXPECT_THAT(page, testing::Not(HasSubstr("<a>")));
  EXPECT_THAT(page, testing::Not(HasSubstr("Arena 1:")));
}

TEST(Csv, WritesWhatItReadAndTheOffsets) {
  const absl::StatusOr<CsvProblem> problem = ParseCsv("id,lower,upper,size\na,0,2,8\nb,1,3,8\n");
  const Solution solution{.offsets = {8, 0}};
  EXPECT_EQ(FormatCsv(*problem, solution), "id,lower,upper,size,offset\na,0,2,8,8\nb,1,3,8,0\n");
}

TEST(Csv, RoundTripsThroughFiles) {
  const absl::StatusOr<CsvProblem> problem = ParseCsv("id,lower,upper,size,alignment\na,0,2,8,4\nb,1,3,8,1\n");
  const Solution solution{.offsets = {8, 0}};
  for (const char* name : {"plain.csv", "packed.csv.gz"}) {
    const std::string path = absl::StrCat(testing::TempDir(), "/memory_csv_io_", name);
    ASSERT_TRUE(WriteCsv(path, *problem, solution).ok());
    const absl::StatusOr<CsvProblem> again = ReadCsv(path);
    ASSERT_TRUE(again.ok()) << again.status();
    EXPECT_EQ(again->ids, problem->ids);
    EXPECT_EQ(FormatCsv(*again, solution), FormatCsv(*problem, solution));
    std::remove(path.c_str());
  }
}

TEST(Csv, ReportsFilesThatCannotBeRead) {
  EXPECT_EQ(ReadCsv("/nonexistent/problem.csv").status().code(), absl::StatusCode::kNotFound);
  const absl::StatusOr<CsvProblem> problem = ParseCsv("id,lower,upper,size\na,0,2,8\n");
  EXPECT_EQ(WriteCsv("/nonexistent/out.csv", *problem, {.offsets = {0}}).code(), absl::StatusCode::kUnavailable);
  const std::string path = absl::StrCat(testing::TempDir(), "/memory_csv_io_broken.csv.gz");
  ASSERT_TRUE(WriteCsv(path, *problem, {.offsets = {0}}).ok());
  std::string bytes;
  {
    std::ifstream in(path, std::ios::binary);
    bytes.assign(std::istreambuf_iterator<char>(in), {});
  }
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes.substr(0, bytes.size() - 12);
  EXPECT_EQ(ReadCsv(path).status().code(), absl::StatusCode::kDataLoss) << ReadCsv(path).status();
  std::remove(path.c_str());
}

}  // namespace
}  // namespace plimsoll::memory
