#include "passes/schedule/json.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "passes/schedule/solver.h"
#include "passes/schedule/validator.h"

namespace plimsoll::schedule {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr char kProblem[] = R"({
  "nodes": [{"id": "conv", "inputs": [7], "outputs": ["a"], "workspace": 64},
            {"id": 3, "inputs": ["a", 7], "outputs": ["b"]}],
  "tensors": [{"id": 7, "size": 10}, {"id": "a", "size": 20.0, "note": "other keys are ignored"},
              {"id": "b", "size": 5}],
  "outputs": ["b"]})";

std::string Refused(const std::string& json) {
  const auto problem = ReadProblem(json);
  EXPECT_EQ(problem.status().code(), absl::StatusCode::kInvalidArgument) << json;
  return std::string(problem.status().message());
}

TEST(JsonTest, ReadsIdsOfBothKinds) {
  const auto named = ReadProblem(kProblem);
  ASSERT_TRUE(named.ok()) << named.status();
  EXPECT_THAT(named->nodes, ElementsAre("\"conv\"", "3"));
  EXPECT_THAT(named->tensors, ElementsAre("7", "\"a\"", "\"b\""));
  EXPECT_EQ(named->problem.nodes[0].workspace, 64);
  EXPECT_THAT(named->problem.nodes[1].inputs, ElementsAre(1, 0));
  EXPECT_EQ(named->problem.tensors[1].size, 20);
  EXPECT_THAT(named->problem.outputs, ElementsAre(2));
}

TEST(JsonTest, WhatIsWrittenIsRead) {
  const auto named = ReadProblem(kProblem);
  ASSERT_TRUE(named.ok());
  const auto again = ReadProblem(WriteProblem(*named));
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(WriteProblem(*again), WriteProblem(*named));
  const auto solution = Solve(named->problem);
  ASSERT_TRUE(solution.ok());
  const std::string text = WriteSolution(*named, *solution);
  EXPECT_EQ(text, "{\"order\":[\"conv\",3],\"peak\":94,\"lower_bound\":94,\"proven_optimal\":true}\n");
  const auto read = ReadSolution(*named, text);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_TRUE(Validate(named->problem, *read).ok());
}

TEST(JsonTest, ErrorsSayWhereAndWhy) {
  EXPECT_THAT(Refused("{\"nodes\": [}"), HasSubstr("line 1, column 12"));
  EXPECT_THAT(Refused(""), HasSubstr("syntax error"));
  EXPECT_THAT(Refused("[]"), HasSubstr("document: expected an object, found []"));
  EXPECT_THAT(Refused("{}"), HasSubstr("\"tensors\" is missing"));
  EXPECT_THAT(Refused(R"({"tensors":[]})"), HasSubstr("\"nodes\" is missing"));
  EXPECT_THAT(Refused(R"({"tensors":5,"nodes":[]})"), HasSubstr("document.tensors: expected an array, found 5"));
  EXPECT_THAT(Refused(R"({"tensors":[{"id":1}],"nodes":[]})"), HasSubstr("tensors[0]: \"size\" is missing"));
  EXPECT_THAT(Refused(R"({"tensors":[{"id":1,"size":-4}],"nodes":[]})"), HasSubstr("tensors[0].size: expected"));
  EXPECT_THAT(Refused("{\"tensors\":[\n{\"id\":1,\"size\":8},\n{\"id\":2,\"size\":-4}],\"nodes\":[]}"),
              HasSubstr("line 3: tensors[1].size"));
  EXPECT_THAT(Refused(R"({"tensors":[{"id":1,"size":1.5}],"nodes":[]})"), HasSubstr("found 1.5"));
  EXPECT_THAT(Refused(R"({"tensors":[{"id":1,"size":1e300}],"nodes":[]})"), HasSubstr("whole number of bytes"));
  EXPECT_THAT(Refused(R"({"tensors":[{"id":1,"size":18446744073709551615}],"nodes":[]})"), HasSubstr("2^63"));
  EXPECT_THAT(Refused(R"({"tensors":[{"id":1,"size":4},{"id":1,"size":4}],"nodes":[]})"),
              HasSubstr("tensors[1].id: 1 is the id of item 0 too"));
  EXPECT_THAT(Refused(R"({"tensors":[{"id":null,"size":4}],"nodes":[]})"), HasSubstr("tensors[0].id"));
  EXPECT_THAT(Refused(R"({"tensors":[],"nodes":[{"id":0,"inputs":[9],"outputs":[]}]})"),
              HasSubstr("nodes[0].inputs[0]: there is no tensor with id 9"));
  EXPECT_THAT(Refused(R"({"tensors":[],"nodes":[{"id":0,"outputs":[]}]})"), HasSubstr("\"inputs\" is missing"));
  EXPECT_THAT(Refused(R"({"tensors":[],"nodes":[],"outputs":["x"]})"), HasSubstr("outputs[0]"));
  EXPECT_THAT(Refused(R"({"tensors":[{"id":1,"size":4}],"nodes":[{"id":0,"inputs":[1],"outputs":[1]}]})"),
              HasSubstr("cycle"));
  EXPECT_THAT(Refused(std::string(100'000, '[')), HasSubstr("nested"));
}

TEST(JsonTest, EveryTruncationIsRefused) {
  const std::string whole = kProblem;
  for (size_t size = 0; size < whole.size(); ++size) EXPECT_FALSE(ReadProblem(whole.substr(0, size)).ok()) << size;
}

TEST(JsonTest, SolutionErrors) {
  const auto named = ReadProblem(kProblem);
  ASSERT_TRUE(named.ok());
  EXPECT_THAT(std::string(ReadSolution(*named, R"({"order":["conv",4],"peak":1})").status().message()),
              HasSubstr("order[1]: there is no node with id 4"));
  EXPECT_THAT(std::string(ReadSolution(*named, R"({"order":["conv",3]})").status().message()), HasSubstr("\"peak\""));
}

}  // namespace
}  // namespace plimsoll::schedule
