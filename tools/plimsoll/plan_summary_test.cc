#include "tools/plimsoll/plan_summary.h"

#include "compiler/report/html.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "ir/plan/testing/sample_plan.h"

namespace plimsoll::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(PlanSummaryTest, RanksGroupsAndCollectives) {
  const plan::Plan plan = plan::testing::SampleRankedPlan();
  const std::string text = PlanText(plan);
  EXPECT_THAT(text, HasSubstr("0 kernels, 0 library calls, 0 host calls, 7 collectives, 3 others; 1 at load\n"));
  EXPECT_THAT(text, HasSubstr("ranks     4\n"));
  EXPECT_THAT(text, HasSubstr("group     'columns': 2 parts of 2\n"));
  EXPECT_THAT(text, HasSubstr("together  all_reduce sum along 'rows': 1 commands, 64 B\n"));
  EXPECT_THAT(text, HasSubstr("together  all_gather along 'columns': 1 commands, 128 B\n"));
  const Json json = PlanJson(plan);
  EXPECT_EQ(json["ranks"], 4);
  EXPECT_EQ(json["groups"][2], (Json{{"name", "all"}, {"parts", 1}, {"part_size", 4}}));
  EXPECT_EQ(json["commands"]["collectives"], 7);
  EXPECT_EQ(json["collectives"][2], (Json{{"kind", "reduce_scatter"}, {"group", "all"}, {"commands", 1}, {"bytes", 128}, {"reduction", "max"}}));
  EXPECT_FALSE(json["collectives"][1].contains("reduction"));
  const std::string page = report::PlanPage(plan);
  EXPECT_THAT(page, HasSubstr("<h2>Ranks</h2><p>4 ranks run this plan together"));
  EXPECT_THAT(page, HasSubstr("<tr><td>columns<td class=n>2<td class=n>2</tr>"));
  EXPECT_THAT(page, HasSubstr("<tr><td>reduce_scatter<td>max<td>all<td class=n>1<td class=n>128</tr>"));
  EXPECT_THAT(page, HasSubstr("all_reduce sum along 'rows'"));
}

TEST(PlanSummaryTest, OneRankSaysNothingOfRanks) {
  const plan::Plan plan = plan::testing::SamplePlan();
  EXPECT_THAT(PlanText(plan), Not(HasSubstr("ranks")));
  EXPECT_THAT(PlanText(plan), Not(HasSubstr("collectives")));
  EXPECT_EQ(PlanJson(plan)["ranks"], 1);
  EXPECT_THAT(report::PlanPage(plan), Not(HasSubstr("<h2>Ranks</h2>")));
}

}  // namespace
}  // namespace plimsoll::cli
