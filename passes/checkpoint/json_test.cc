#include "passes/checkpoint/json.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "passes/checkpoint/test_problems.h"

namespace plimsoll::checkpoint {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr char kFile[] = R"({"nodes":[{"id":0,"cost":1.5,"size":10},{"id":"b","cost":2,"size":4}],
  "edges":[[0,"b"]],"order":[0,"b"],"outputs":["b"],"budget":14,"comment":1})";

std::string Refused(const std::string& json) {
  const absl::StatusOr<NamedProblem> named = ReadProblem(json);
  EXPECT_EQ(named.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(named.status().message());
}

std::string Replaced(const std::string& from, const std::string& to) {
  std::string text = kFile;
  return text.replace(text.find(from), from.size(), to);
}

TEST(JsonTest, ReadsTheFormat) {
  const auto named = ReadProblem(kFile);
  ASSERT_TRUE(named.ok()) << named.status();
  EXPECT_THAT(named->nodes, ElementsAre("0", "\"b\""));
  EXPECT_EQ(named->problem.nodes[0].cost, 1.5);
  EXPECT_EQ(named->problem.nodes[1].size, 4);
  EXPECT_THAT(named->problem.nodes[1].inputs, ElementsAre(0));
  EXPECT_THAT(named->problem.order, ElementsAre(0, 1));
  EXPECT_THAT(named->problem.outputs, ElementsAre(1));
  EXPECT_THAT(named->budgets, ElementsAre(14));
}

TEST(JsonTest, WorkspaceAndOnce) {
  const auto named = ReadProblem(Replaced("\"size\":4", "\"size\":4,\"workspace\":7,\"once\":true"));
  ASSERT_TRUE(named.ok()) << named.status();
  EXPECT_EQ(named->problem.nodes[1].workspace, 7);
  EXPECT_TRUE(named->problem.nodes[1].once);
  EXPECT_FALSE(named->problem.nodes[0].once);
  const auto again = ReadProblem(WriteProblem(*named));
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->problem.nodes[1].workspace, 7);
  EXPECT_TRUE(again->problem.nodes[1].once);
  EXPECT_THAT(Refused(Replaced("\"size\":4", "\"size\":4,\"workspace\":-7")), HasSubstr("nodes[1].workspace"));
  EXPECT_THAT(Refused(Replaced("\"size\":4", "\"size\":4,\"once\":1")), HasSubstr("nodes[1].once: expected a boolean"));
}

TEST(JsonTest, NamesTheLine) {
  EXPECT_THAT(Refused(Replaced("[0,\"b\"]],", "[0,\"c\"]],")), HasSubstr("line 2: edges[0]: there is no node"));
  EXPECT_THAT(
      Refused(
          "{\"nodes\":[\n{\"id\":\"],{\",\"cost\":1,\"size\":1},\n\n{\"id\":1,\"cost\":1,\"size\":-1}],\"edges\":[]}"),
      HasSubstr("line 4: nodes[1].size: expected a whole number"));
  EXPECT_THAT(Refused("{\"nodes\":\n[],\n\"edges\":\n7}"), HasSubstr("line 4: edges: expected an array"));
}

TEST(JsonTest, Defaults) {
  auto named = ReadProblem(Replaced("\"outputs\":[\"b\"],", ""));
  ASSERT_TRUE(named.ok()) << named.status();
  EXPECT_THAT(named->problem.outputs, ElementsAre(1));
  named = ReadProblem(Replaced("\"order\":[0,\"b\"],\"outputs\":[\"b\"],\"budget\":14,", "\"budget\":[20,14],"));
  ASSERT_TRUE(named.ok()) << named.status();
  EXPECT_TRUE(named->problem.order.empty());
  EXPECT_THAT(named->problem.outputs, ElementsAre(1));
  EXPECT_THAT(named->budgets, ElementsAre(20, 14));
}

TEST(JsonTest, SaysWhatIsWrongAndWhere) {
  EXPECT_THAT(Refused("{\"nodes\":[\n  {\"id\":0,}]}"), HasSubstr("line 2"));
  EXPECT_THAT(Refused("[]"), HasSubstr("expected an object"));
  EXPECT_THAT(Refused("{}"), HasSubstr("\"nodes\" is missing"));
  EXPECT_THAT(Refused(std::string(100'000, '[')), HasSubstr("64 levels"));
  EXPECT_THAT(Refused(Replaced("\"size\":10", "\"size\":-1")), HasSubstr("nodes[0].size: expected a whole number"));
  EXPECT_THAT(Refused(Replaced("\"size\":10", "\"size\":1e300")), HasSubstr("nodes[0].size"));
  EXPECT_THAT(Refused(Replaced("\"size\":4", "\"size\":9223372036854775807")), HasSubstr("overflows"));
  EXPECT_THAT(Refused(Replaced("\"cost\":2", "\"cost\":-2")), HasSubstr("nodes[1].cost"));
  EXPECT_THAT(Refused(Replaced("\"cost\":2,", "")), HasSubstr("nodes[1]: \"cost\" is missing"));
  EXPECT_THAT(Refused(Replaced("\"id\":\"b\"", "\"id\":0")), HasSubstr("nodes[1].id: 0 is the id of nodes[0] too"));
  EXPECT_THAT(Refused(Replaced("[[0,\"b\"]]", "[[0,\"c\"]]")), HasSubstr("edges[0]: there is no node with id \"c\""));
  EXPECT_THAT(Refused(Replaced("[[0,\"b\"]]", "[[0,0]]")), HasSubstr("its own input"));
  EXPECT_THAT(Refused(Replaced("[[0,\"b\"]]", "[[0]]")), HasSubstr("edges[0]: expected two ids"));
  EXPECT_THAT(Refused(Replaced("[[0,\"b\"]]", "[[0,\"b\"],[\"b\",0]]")), HasSubstr("cycle of 2 nodes"));
  EXPECT_THAT(Refused(Replaced("\"order\":[0,\"b\"]", "\"order\":[\"b\",0]")), HasSubstr("not topological"));
  EXPECT_THAT(Refused(Replaced("\"order\":[0,\"b\"]", "\"order\":[0]")), HasSubstr("leaves out node 1"));
  EXPECT_THAT(Refused(Replaced("14", "[]")), HasSubstr("budget: the list is empty"));
  EXPECT_THAT(Refused(Replaced("14", "[1,\"x\"]")), HasSubstr("budget[1]"));
}

TEST(JsonTest, RoundTrips) {
  for (uint32_t seed = 0; seed < 50; ++seed) {
    NamedProblem named;
    named.problem = RandomProblem(7, seed % 2 == 0, seed);
    for (int v = 0; v < 7; ++v) named.nodes.push_back(std::to_string(v * 3));
    named.budgets = {40, 60};
    const std::string text = WriteProblem(named);
    const auto back = ReadProblem(text);
    ASSERT_TRUE(back.ok()) << back.status();
    EXPECT_EQ(WriteProblem(*back), text);
    Answer answer;
    answer.solution = {{0, 1, 0}, 12, 0.1, 0.05, false};
    const auto solution = ReadSolution(named, WriteAnswers(named, {answer}));
    ASSERT_TRUE(solution.ok()) << solution.status();
    EXPECT_EQ(solution->sequence, answer.solution.sequence);
    EXPECT_EQ(solution->cost, 0.1);
    EXPECT_EQ(solution->lower_bound, 0.05);
  }
}

}  // namespace
}  // namespace plimsoll::checkpoint
