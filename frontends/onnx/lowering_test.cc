// What single constructs of ONNX become in the graph dialect.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "frontends/onnx/importer.h"
#include "frontends/onnx/testing/import_fixture.h"

namespace plimsoll::onnx_frontend {
namespace {

using LoweringTest = ImportTest;
using testing::ElementsAre;
using testing::HasSubstr;

TEST_F(LoweringTest, DecidesBranchesByConstants) {
  // The rank decides: the branches' results have different shapes, as exporters write it.
  const std::string graph = R"(g (float[1,4] x) => (float[N] y) {
      shape = Shape(x)
      zero = Constant <value = int64 {0}> ()
      one = Constant <value = int64[1] {1}> ()
      first = Gather(shape, zero)
      condition = Equal(first, one)
      y = If(condition) <
        then_branch = t () => (float[N] a) { axes = Constant <value = int64[1] {0}> () a = Squeeze(x, axes) },
        else_branch = e () => (float[N] b) { b = Identity(x) } >
    })";
  auto imported = ImportModel(Graph(graph));
  ASSERT_TRUE(imported.ok()) << imported.status();
  EXPECT_THAT(imported->outputs[0].dims, ElementsAre(4));
  EXPECT_EQ(Count(*imported)["graph.if"], 0);
}

TEST_F(LoweringTest, BranchesThatAreDecidedAtRunTimeSeeOuterNames) {
  const std::string graph = R"(g (bool c, float[2] x) => (float[2] y) {
      doubled = Add(x, x)
      y = If(c) <
        then_branch = t () => (float[2] a) {
          w = Constant <value = float[2] {1.0, 2.0}> ()
          inner = If(c) < then_branch = tt () => (float[2] d) { d = Mul(doubled, w) }, else_branch = te () => (float[2] e) { e = Neg(w) } >
          a = Add(inner, x) },
        else_branch = e () => (float[2] b) { b = Relu(doubled) } >
    })";
  auto imported = ImportModel(Graph(graph));
  ASSERT_TRUE(imported.ok()) << imported.status();
  EXPECT_EQ(Count(*imported)["graph.if"], 2);
}

TEST_F(LoweringTest, AsksForTheValueThatDecidesShapes) {
  const onnx::ModelProto model = Graph("g (float[6] x, int64[2] s) => (float[N,M] y) { t = Abs(s) y = Reshape(x, t) }");
  auto imported = ImportModel(model);
  EXPECT_EQ(imported.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(NeededValues(imported.status()), ElementsAre("s"));
  EXPECT_THAT(std::string(imported.status().message()), HasSubstr("--values=s"));
  const int64_t shape[2] = {2, 3};
  ImportOptions options;
  options.values["s"] = std::string(reinterpret_cast<const char*>(shape), sizeof shape);
  imported = ImportModel(model, options);
  ASSERT_TRUE(imported.ok()) << imported.status();
  EXPECT_TRUE(imported->inputs[1].fixed);
  EXPECT_THAT(imported->outputs[0].dims, ElementsAre(2, 3));
  options.values["s"] = "short";
  EXPECT_EQ(ImportModel(model, options).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(LoweringTest, WhatDependsOnDataIsBoundedAndFeedsNothing) {
  const std::string open = "g (float[2,3] x) => (int64[2,N] y) { y = NonZero(x) }";
  auto imported = ImportModel(Graph(open));
  ASSERT_TRUE(imported.ok()) << imported.status();
  EXPECT_THAT(imported->outputs[0].dims, ElementsAre(2, 6));
  const auto fed =
      ImportModel(Graph("g (float[2,3] x) => (int64[N,2] y) { i = NonZero(x) y = Transpose(i) }")).status();
  EXPECT_EQ(fed.code(), absl::StatusCode::kUnimplemented) << fed;
  EXPECT_THAT(std::string(fed.message()), HasSubstr("depends on data"));
  // What is constant is exact, and feeds anything.
  auto constant = ImportModel(
      Graph("g (float[4] x) => (float[N] y) { c = Constant <value = int64[4] {0, 3, 0, 5}> () i = NonZero(c) "
            "flat = Flatten <axis = 0> (i) k = Cast <to = 9> (c) p = Compress(x, k) z = Add(p, p) y = Relu(z) }"));
  ASSERT_TRUE(constant.ok()) << constant.status();
  EXPECT_THAT(constant->outputs[0].dims, ElementsAre(2));
}

TEST_F(LoweringTest, OldOpsetsGiveWhatTheyShareWithNewerOnes) {
  EXPECT_TRUE(ImportModel(Graph("g (bool[2] x) => (bool[2] y) { y = Not(x) }", 1)).ok());
  EXPECT_EQ(ImportModel(Graph("g (float[2] x) => (float[2] y) { y = Relu(x) }", 1)).status().code(),
            absl::StatusCode::kUnimplemented);
}

TEST_F(LoweringTest, ZeroPointsOfEachBatchAreSubtractedBefore) {
  auto imported = ImportModel(
      Graph("g (uint8[2,3,4] a, uint8[4,5] b, uint8[2,3,1] z) => (int32[2,3,5] y) { y = MatMulInteger(a, b, z) }"));
  ASSERT_TRUE(imported.ok()) << imported.status();
  EXPECT_THAT(imported->outputs[0].dims, ElementsAre(2, 3, 5));
  EXPECT_EQ(Count(*imported)["graph.sub"], 1);
}

TEST_F(LoweringTest, NarrowElementsKeepTheirName) {
  auto imported = ImportModel(
      Graph("g (float[3] x) => (int4[3] y, float4e2m1[3] z) { y = Cast <to = 22> (x) z = Cast <to = 23> (x) }", 23));
  ASSERT_TRUE(imported.ok()) << imported.status();
  EXPECT_EQ(imported->outputs[0].onnx_element, 22);
  EXPECT_EQ(imported->outputs[0].dtype, plan::I8);
  EXPECT_EQ(imported->outputs[1].onnx_element, 23);
  EXPECT_EQ(imported->outputs[1].dtype, plan::F8E4M3FN);
}

TEST_F(LoweringTest, SequencesOfTheSignatureAreTheirTensors) {
  const onnx::ModelProto model =
      Graph("g (seq(float[2]) s, float[2] x) => (seq(float[2]) t) { t = SequenceInsert(s, x) }");
  EXPECT_EQ(ImportModel(model).status().code(), absl::StatusCode::kInvalidArgument);
  ImportOptions options;
  options.shapes = {{"s[0]", {2}}, {"s[1]", {2}}};
  auto imported = ImportModel(model, options);
  ASSERT_TRUE(imported.ok()) << imported.status();
  ASSERT_EQ(imported->inputs.size(), 3u);
  EXPECT_EQ(imported->inputs[1].name, "s[1]");
  ASSERT_EQ(imported->outputs.size(), 3u);
  EXPECT_EQ(imported->outputs[2].name, "t[2]");
  options.shapes = {{"s[]", {}}};
  imported = ImportModel(model, options);
  ASSERT_TRUE(imported.ok()) << imported.status();
  EXPECT_EQ(imported->inputs.size(), 1u);
  EXPECT_EQ(imported->outputs.size(), 1u);
  options.shapes = {{"s[0]", {3}}};
  EXPECT_EQ(ImportModel(model, options).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(LoweringTest, FunctionsOfSequencesKnowTheirTypes) {
  const std::string map = "<body = b (float[N] e) => (float[N] f) { f = Relu(e) }>";
  ImportOptions options;
  options.shapes = {{"s[0]", {2}}, {"s[1]", {5}}};
  auto imported =
      ImportModel(Graph("g (seq(float[N]) s) => (seq(float[N]) t) { t = SequenceMap " + map + " (s) }"), options);
  ASSERT_TRUE(imported.ok()) << imported.status();
  EXPECT_THAT(imported->outputs[1].dims, ElementsAre(5));
  const auto none =
      ImportModel(Graph("g (float[2] x) => (seq(float[N]) t) { o = Optional() t = SequenceMap " + map + " (o) }"))
          .status();
  EXPECT_FALSE(none.ok());
  EXPECT_NE(none.code(), absl::StatusCode::kInternal) << none;
}

TEST_F(LoweringTest, OptionalsAreWhatTheyHold) {
  auto imported = ImportModel(Graph(
      "g (float[3] x) => (float[3] y, bool h) { o = Optional(x) y = OptionalGetElement(o) h = OptionalHasElement(o) }",
      18));
  ASSERT_TRUE(imported.ok()) << imported.status();
  EXPECT_TRUE(Result(*imported, 1).getSplatValue<bool>());
}

TEST_F(LoweringTest, UnrollsLoopsOfKnownLengthAndKeepsOthers) {
  const std::string body =
      R"( <body = b (int64 i, bool go, float[2] v) => (bool again, float[2] w) { again = Identity(go) w = Add(v, x) }> })";
  auto unrolled =
      ImportModel(Graph("g (float[2] x) => (float[2] y) { n = Constant <value = int64 {3}> () t = Constant <value = "
                        "bool {1}> () y = Loop(n, t, x)" +
                        body));
  ASSERT_TRUE(unrolled.ok()) << unrolled.status();
  EXPECT_EQ(Count(*unrolled)["graph.add"], 3);
  auto kept =
      ImportModel(Graph("g (float[2] x) => (float[2] y) { n = Constant <value = int64 {100000}> () t = Constant <value "
                        "= bool {1}> () y = Loop(n, t, x)" +
                        body));
  ASSERT_TRUE(kept.ok()) << kept.status();
  EXPECT_EQ(Count(*kept)["graph.loop"], 1);
}

TEST_F(LoweringTest, ExpandsFunctionsOfTheModel) {
  onnx::ModelProto model = Parse(R"(<ir_version: 8, opset_import: ["" : 18, "local" : 1]>
      g (float[2,3] x) => (float[2] y) { a = local.Shifted <by = 2.0> (x) y = ReduceSum <keepdims = 0> (a, axis) }
      <domain: "local", opset_import: ["" : 18]> Shifted <by> (v) => (w) { c = Constant <value_float: float = @by> () w = Add(v, c) })");
  onnx::TensorProto* axis = model.mutable_graph()->add_initializer();
  axis->set_name("axis");
  axis->set_data_type(onnx::TensorProto::INT64);
  axis->add_dims(1);
  axis->add_int64_data(1);
  auto imported = ImportModel(model);
  ASSERT_TRUE(imported.ok()) << imported.status();
  EXPECT_THAT(imported->outputs[0].dims, ElementsAre(2));
  // A function that calls itself.
  model.mutable_functions(0)->mutable_node(1)->set_op_type("Shifted");
  model.mutable_functions(0)->mutable_node(1)->set_domain("local");
  model.mutable_functions(0)->mutable_node(1)->mutable_input()->RemoveLast();
  EXPECT_EQ(ImportModel(model).status().code(), absl::StatusCode::kDataLoss);
}

TEST_F(LoweringTest, FollowsTheOpset) {
  const std::vector<float> numbers = {0, 1, 2, 3};
  auto dims = [&](const std::string& graph, int opset) {
    auto imported = ImportModel(Graph(graph, opset));
    EXPECT_TRUE(imported.ok()) << opset << ": " << imported.status();
    return imported.ok() ? imported->outputs[0].dims : Dims();
  };
  EXPECT_THAT(dims("g (float[1,4,1] x) => (float[N] y) { y = Squeeze <axes = [0, 2]> (x) }", 11), ElementsAre(4));
  EXPECT_THAT(
      dims("g (float[1,4,1] x) => (float[N] y) { a = Constant <value = int64[2] {0, -1}> () y = Squeeze(x, a) }", 13),
      ElementsAre(4));
  EXPECT_THAT(dims("g (float[5,4] x) => (float[N,M] y) { y = Slice <starts = [1], ends = [-1], axes = [0]> (x) }", 9),
              ElementsAre(3, 4));
  EXPECT_THAT(
      dims("g (float[5,4] x) => (float[N,M] y) { s = Constant <value = int64[1] {4}> () e = Constant <value = int64[1] "
           "{-9}> () "
           "a = Constant <value = int64[1] {0}> () t = Constant <value = int64[1] {-2}> () y = Slice(x, s, e, a, t) }",
           13),
      ElementsAre(3, 4));
  EXPECT_THAT(dims("g (float[5,4] x) => (float[N,M] y) { y = Pad <pads = [1, 0, 2, 0]> (x) }", 7), ElementsAre(8, 4));
  EXPECT_THAT(
      dims("g (float[1,1,4,4] x) => (float[N,C,H,W] y) { y = Upsample <scales = [1.0, 1.0, 2.0, 3.0]> (x) }", 7),
      ElementsAre(1, 1, 8, 12));
  EXPECT_THAT(dims("g (float[3,4] x) => (float[N] y) { y = ReduceSum <axes = [1], keepdims = 0> (x) }", 11),
              ElementsAre(3));
  EXPECT_THAT(dims("g (float[1,1,6,6] x) => (float[N,C,H,W] y) { y = MaxPool <kernel_shape = [3, 3], strides = [2, 2], "
                   "ceil_mode = 1> (x) }",
                   10),
              ElementsAre(1, 1, 3, 3));
  EXPECT_THAT(dims("g (float[1,2,5,5] x, float[2,1,3,3] w) => (float[N,C,H,W] y) { y = ConvTranspose <group = 2, "
                   "strides = [2, 2], output_shape = [10, 10]> "
                   "(x, w) }",
                   11),
              ElementsAre(1, 2, 10, 10));
}

// Before opset 13 softmax runs over all dims from the axis on.
TEST_F(LoweringTest, OldSoftmaxFlattens) {
  auto old = ImportModel(Graph("g (float[2,3,4] x) => (float[2,3,4] y) { y = Softmax(x) }", 11));
  ASSERT_TRUE(old.ok()) << old.status();
  EXPECT_EQ(Count(*old)["graph.reshape"], 2);
  auto now = ImportModel(Graph("g (float[2,3,4] x) => (float[2,3,4] y) { y = Softmax(x) }", 13));
  ASSERT_TRUE(now.ok()) << now.status();
  EXPECT_EQ(Count(*now)["graph.reshape"], 0);
}

TEST_F(LoweringTest, FoldsBatchNormalizationIntoConvolution) {
  onnx::ModelProto model =
      Graph("g (float[1,3,8,8] x) => (float[N,C,H,W] y) { a = Conv(x, w) y = BatchNormalization(a, s, b, m, v) }", 15);
  auto add = [&](const std::string& name, std::vector<int64_t> dims) {
    onnx::TensorProto* tensor = model.mutable_graph()->add_initializer();
    tensor->set_name(name);
    tensor->set_data_type(onnx::TensorProto::FLOAT);
    int64_t count = 1;
    for (int64_t dim : dims) tensor->add_dims(dim), count *= dim;
    for (int64_t i = 0; i < count; ++i) tensor->add_float_data(1);
  };
  add("w", {4, 3, 3, 3});
  for (const char* name : {"s", "b", "m", "v"}) add(name, {4});
  auto imported = ImportModel(model);
  ASSERT_TRUE(imported.ok()) << imported.status();
  auto function = llvm::cast<mlir::func::FuncOp>(imported->module.get().getBody()->front());
  EXPECT_TRUE(function.getBody().front().getTerminator()->getOperand(0).getDefiningOp<graph::ConvolutionOp>());
  EXPECT_EQ(Count(*imported)["graph.convolution"], 1);
}

TEST_F(LoweringTest, EvaluatesShapeArithmetic) {
  auto imported = ImportModel(Graph(R"(g (float[2,3,4] x) => (int64[N] y) {
      s = Shape(x) two = Constant <value = int64[1] {2}> () minus = Constant <value = int64[1] {-1}> ()
      a = Mul(s, two) y = Concat <axis = 0> (a, minus) })"));
  ASSERT_TRUE(imported.ok()) << imported.status();
  const mlir::DenseElementsAttr result = Result(*imported);
  ASSERT_TRUE(result);
  std::vector<int64_t> values(result.getValues<int64_t>().begin(), result.getValues<int64_t>().end());
  EXPECT_THAT(values, ElementsAre(4, 6, 8, -1));
}

}  // namespace
}  // namespace plimsoll::onnx_frontend
