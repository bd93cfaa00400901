#include "frontends/onnx/import.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "frontends/onnx/importer.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "onnx/defs/parser.h"

namespace plimsoll::onnx_frontend {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

onnx::ModelProto Parse(const std::string& text) {
  onnx::ModelProto model;
  onnx::OnnxParser parser(text.c_str());
  const onnx::Common::Status status = parser.Parse(model);
  EXPECT_TRUE(status.IsOK()) << status.ErrorMessage();
  return model;
}

// A model of one graph at `opset`.
onnx::ModelProto Graph(const std::string& graph, int opset = 20) {
  return Parse("<ir_version: 8, opset_import: [\"\" : " + std::to_string(opset) + ", \"com.microsoft\" : 1]> " + graph);
}

class ImportTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("plimsoll_import_test_" + std::to_string(::getpid()));
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::string Write(const std::string& bytes) {
    const fs::path path = folder_ / "model.onnx";
    std::ofstream(path, std::ios::binary) << bytes;
    return path.string();
  }
  absl::StatusOr<Imported> ImportModel(const onnx::ModelProto& model, const ImportOptions& options = {}) {
    return Import(Write(model.SerializeAsString()), context_, options);
  }
  // Operations of the function's body by name.
  static std::map<std::string, int> Count(Imported& imported) {
    std::map<std::string, int> count;
    imported.module->walk([&](mlir::Operation* op) { ++count[op->getName().getStringRef().str()]; });
    return count;
  }
  static mlir::DenseElementsAttr Result(Imported& imported, unsigned i = 0) {
    auto function = llvm::cast<mlir::func::FuncOp>(imported.module.get().getBody()->front());
    return graph::constantOf(function.getBody().front().getTerminator()->getOperand(i));
  }

  mlir::MLIRContext context_{mlir::MLIRContext::Threading::DISABLED};
  fs::path folder_;
};

TEST_F(ImportTest, KeepsNamesAndOrderOfInputsAndOutputs) {
  auto imported = ImportModel(
      Graph("g (float[2,3] b, float[3] a) => (float[2,3] y, float[2,3] x) { x = Add(b, a) y = Mul(b, a) }"));
  ASSERT_TRUE(imported.ok()) << imported.status();
  ASSERT_EQ(imported->inputs.size(), 2u);
  EXPECT_EQ(imported->inputs[0].name, "b");
  EXPECT_THAT(imported->inputs[0].dims, ElementsAre(2, 3));
  EXPECT_EQ(imported->outputs[0].name, "y");
  auto function = llvm::cast<mlir::func::FuncOp>(imported->module.get().getBody()->front());
  auto names = function->getAttrOfType<mlir::ArrayAttr>("plimsoll.input_names");
  EXPECT_EQ(llvm::cast<mlir::StringAttr>(names[1]).getValue(), "a");
  EXPECT_EQ(imported->summary.operators.at("Mul"), 1);
}

TEST_F(ImportTest, NamesEveryOpenInputAtOnce) {
  const onnx::ModelProto model = Graph("g (float[N,3] a, float[N] b, float[3] c) => (float[N,3] y) { y = Add(a, c) }");
  auto imported = ImportModel(model);
  EXPECT_EQ(imported.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(imported.status().message()),
              testing::AllOf(HasSubstr("'a'"), HasSubstr("'b'"), testing::Not(HasSubstr("'c'"))));

  ImportOptions options;
  options.allow_open_dims = true;
  imported = ImportModel(model, options);
  ASSERT_TRUE(imported.ok()) << imported.status();
  EXPECT_FALSE(imported->module);
  EXPECT_THAT(imported->summary.open_inputs, ElementsAre("a", "b"));
}

TEST_F(ImportTest, OneInputGivesASymbolToTheOthers) {
  const onnx::ModelProto model = Graph("g (float[N,3] a, float[N,1] b) => (float[N,3] y) { y = Add(a, b) }");
  ImportOptions options;
  options.shapes["b"] = {5, 1};
  auto imported = ImportModel(model, options);
  ASSERT_TRUE(imported.ok()) << imported.status();
  EXPECT_THAT(imported->inputs[0].dims, ElementsAre(5, 3));
  options.shapes["a"] = {4, 3};
  EXPECT_EQ(ImportModel(model, options).status().code(), absl::StatusCode::kInvalidArgument);
  options.shapes = {{"nobody", {1}}};
  EXPECT_THAT(std::string(ImportModel(model, options).status().message()), HasSubstr("'nobody'"));
  options.shapes = {{"a", {5, 4}}};
  EXPECT_THAT(std::string(ImportModel(model, options).status().message()), HasSubstr("5x4"));
}

TEST_F(ImportTest, IgnoresWrongDeclaredShapes) {
  onnx::ModelProto model = Graph("g (float[2,3] x) => (float[7] y) { t = Transpose(x) y = Relu(t) }");
  auto* info = model.mutable_graph()->add_value_info();
  *info = model.graph().input(0);
  info->set_name("t");
  auto imported = ImportModel(model);
  ASSERT_TRUE(imported.ok()) << imported.status();
  EXPECT_THAT(imported->outputs[0].dims, ElementsAre(3, 2));
}

TEST_F(ImportTest, ListsEveryUnsupportedOperatorAtOnce) {
  auto imported =
      ImportModel(Graph("g (float[2] x) => (float[2] y) { [one] a = com.microsoft.Frobnicate(x) b = Relu(a) "
                        "[two] c = com.microsoft.Mystery(b) y = Add(c, x) }"));
  EXPECT_EQ(imported.status().code(), absl::StatusCode::kUnimplemented);
  EXPECT_THAT(std::string(imported.status().message()),
              testing::AllOf(HasSubstr("com.microsoft::Frobnicate"), HasSubstr("one"),
                             HasSubstr("com.microsoft::Mystery"), HasSubstr("two"), testing::Not(HasSubstr("Relu"))));
}

TEST_F(ImportTest, RefusesWhatIsNoGraph) {
  auto message = [&](const std::string& graph) {
    const absl::Status status = ImportModel(Graph(graph)).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
    return std::string(status.message());
  };
  EXPECT_THAT(message("g (float[2] x) => (float[2] y) { [p] a = Add(x, b) [q] b = Relu(a) y = Relu(b) }"),
              HasSubstr("cycle"));
  EXPECT_THAT(message("g (float[2] x) => (float[2] y) { [p] y = Add(x, y) }"), HasSubstr("its own output"));
  EXPECT_THAT(message("g (float[2] x) => (float[2] y) { [p] y = Add(x, nowhere) }"),
              testing::AllOf(HasSubstr("'nowhere'"), HasSubstr("'p'")));
  EXPECT_THAT(message("g (float[2] x) => (float[2] y) { [p] y = Relu(x) [q] y = Abs(x) }"), HasSubstr("twice"));
  EXPECT_THAT(message("g (float[2] x) => (float[2] y) { [p] x = Relu(x1) x1 = Relu(x) y = Relu(x) }"),
              HasSubstr("cycle"));
  EXPECT_THAT(message("g (float[2] x, float[2] z) => (float[2] y) { [p] x = Relu(z) y = Relu(x) }"), HasSubstr("'x'"));
  EXPECT_THAT(message("g (float[2] x) => (float[2] z) { y = Relu(x) }"), HasSubstr("'z'"));
  EXPECT_THAT(message("g (float[2] x, float[3] w) => (float[2] y) { [p] y = Add(x, w) }"), HasSubstr("'p'"));
  EXPECT_THAT(message("g (float[2] x, int64[2] w) => (float[2] y) { [p] y = Add(x, w) }"), HasSubstr("'p'"));
  EXPECT_THAT(message("g (float[2] x) => (float[2] y) { [p] y = Relu(x, x) }"), HasSubstr("'p'"));
}

TEST_F(ImportTest, SortsNodes) {
  EXPECT_TRUE(ImportModel(Graph("g (float[2] x) => (float[2] y) { y = Relu(a) a = Neg(x) }")).ok());
}

TEST_F(ImportTest, RefusesFilesThatAreNoModel) {
  const std::string good = Graph("g (float[2] x) => (float[2] y) { y = Relu(x) }").SerializeAsString();
  for (const std::string& bytes :
       {std::string(), std::string("hello, world"), good.substr(0, good.size() / 2), std::string(1000, '\xff')}) {
    const absl::Status status = Import(Write(bytes), context_, {}).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
  }
  EXPECT_EQ(Import((folder_ / "absent.onnx").string(), context_, {}).status().code(), absl::StatusCode::kNotFound);
}

TEST_F(ImportTest, RefusesGraphsThatAreNestedTooDeep) {
  onnx::ModelProto model = Graph("g (float[2] x) => (float[2] y) { y = Relu(x) }");
  std::string inner = model.graph().SerializeAsString();
  auto field = [](int number, const std::string& content) {
    std::string bytes(1, static_cast<char>(number << 3 | 2));
    for (size_t size = content.size();; size >>= 7) {
      bytes.push_back(static_cast<char>((size & 0x7f) | (size >= 0x80 ? 0x80 : 0)));
      if (size < 0x80) break;
    }
    return bytes + content;
  };
  // GraphProto.node = 1, NodeProto.attribute = 5, AttributeProto.g = 6.
  for (int i = 0; i < 5000; ++i) inner = field(1, field(5, field(6, inner)));
  model.clear_graph();
  EXPECT_EQ(Import(Write(model.SerializeAsString() + field(7, inner)), context_, {}).status().code(),
            absl::StatusCode::kDataLoss);
}

TEST_F(ImportTest, RefusesOpsetsOutOfRange) {
  for (int opset : {1, 99}) {
    const absl::Status status = ImportModel(Graph("g (float[2] x) => (float[2] y) { y = Relu(x) }", opset)).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented) << status;
  }
}

TEST_F(ImportTest, LargeWeightsStayInTheModelFile) {
  onnx::ModelProto model = Graph("g (float[1,64] x) => (float[1,64] y) { y = MatMul(x, w) }");
  onnx::TensorProto* weight = model.mutable_graph()->add_initializer();
  weight->set_name("w");
  weight->set_data_type(onnx::TensorProto::FLOAT);
  weight->add_dims(64);
  weight->add_dims(64);
  std::string raw(64 * 64 * 4, '\0');
  for (size_t i = 0; i < raw.size(); ++i) raw[i] = static_cast<char>(i * 7);
  weight->set_raw_data(raw);
  auto imported = ImportModel(model);
  ASSERT_TRUE(imported.ok()) << imported.status();
  ASSERT_EQ(imported->weights->size(), 1);
  EXPECT_EQ(imported->weights->reference(0).location, weights::WeightStore::Location::kMapped);
  const auto bytes = imported->weights->bytes(0);
  ASSERT_TRUE(bytes.ok());
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(bytes->data()), bytes->size()), raw);
  EXPECT_EQ(imported->summary.parameters, 64 * 64);
  EXPECT_EQ(Count(*imported)["graph.weight"], 1);
}

TEST_F(ImportTest, RefusesTensorsThatContradictThemselves) {
  auto status = [&](std::vector<int64_t> dims, int type, const std::string& raw) {
    onnx::ModelProto model = Graph("g (float[1] x) => (float[1] y) { y = Identity(x) }");
    onnx::TensorProto* weight = model.mutable_graph()->add_initializer();
    weight->set_name("w");
    weight->set_data_type(type);
    for (int64_t dim : dims) weight->add_dims(dim);
    weight->set_raw_data(raw);
    return ImportModel(model).status().code();
  };
  EXPECT_EQ(status({2}, onnx::TensorProto::FLOAT, std::string(8, 'x')), absl::StatusCode::kOk);
  EXPECT_EQ(status({2}, onnx::TensorProto::FLOAT, std::string(7, 'x')), absl::StatusCode::kDataLoss);
  EXPECT_EQ(status({200}, onnx::TensorProto::FLOAT, std::string(799, 'x')), absl::StatusCode::kDataLoss);
  EXPECT_EQ(status({-2}, onnx::TensorProto::FLOAT, std::string(8, 'x')), absl::StatusCode::kDataLoss);
  EXPECT_EQ(status({int64_t{1} << 32, int64_t{1} << 32}, onnx::TensorProto::FLOAT, ""), absl::StatusCode::kDataLoss);
  EXPECT_EQ(status({int64_t{1} << 62, 4}, onnx::TensorProto::INT64, ""), absl::StatusCode::kDataLoss);
  EXPECT_EQ(status({2}, 77, "xx"), absl::StatusCode::kUnimplemented);
}

TEST_F(ImportTest, ExternalDataStaysBesideTheModel) {
  auto import = [&](const std::string& location, const std::string& offset = "0", const std::string& length = "400") {
    onnx::ModelProto model = Graph("g (float[100] x) => (float[100] y) { y = Add(x, w) }");
    onnx::TensorProto* weight = model.mutable_graph()->add_initializer();
    weight->set_name("w");
    weight->set_data_type(onnx::TensorProto::FLOAT);
    weight->add_dims(100);
    weight->set_data_location(onnx::TensorProto::EXTERNAL);
    for (const auto& [key, value] :
         std::map<std::string, std::string>{{"location", location}, {"offset", offset}, {"length", length}}) {
      auto* entry = weight->add_external_data();
      entry->set_key(key);
      entry->set_value(value);
    }
    return ImportModel(model);
  };
  auto absent = import("absent.bin");
  ASSERT_TRUE(absent.ok()) << absent.status();
  EXPECT_FALSE(absent->weights->is_present(0));
  EXPECT_EQ(absent->weights->bytes(0).status().code(), absl::StatusCode::kNotFound);
  std::ofstream(folder_ / "weights.bin", std::ios::binary) << std::string(500, 'w');
  EXPECT_TRUE(import("weights.bin", "100").ok());
  EXPECT_EQ(import("weights.bin", "101").status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(import("weights.bin", "-1").status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(import("weights.bin", "99999999999999999999999").status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(import("weights.bin", "0", "40").status().code(), absl::StatusCode::kDataLoss);
  for (const char* path : {"/etc/passwd", "../weights.bin", "a/../../weights.bin", ""}) {
    EXPECT_EQ(import(path).status().code(), absl::StatusCode::kDataLoss) << path;
  }
}

TEST_F(ImportTest, DecidesBranchesByConstants) {
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

TEST_F(ImportTest, BranchesThatAreDecidedAtRunTimeSeeOuterNames) {
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

TEST_F(ImportTest, AsksForTheValueThatDecidesShapes) {
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

TEST_F(ImportTest, WhatDependsOnDataIsBoundedAndFeedsNothing) {
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

TEST_F(ImportTest, OldOpsetsGiveWhatTheyShareWithNewerOnes) {
  EXPECT_TRUE(ImportModel(Graph("g (bool[2] x) => (bool[2] y) { y = Not(x) }", 1)).ok());
  EXPECT_EQ(ImportModel(Graph("g (float[2] x) => (float[2] y) { y = Relu(x) }", 1)).status().code(),
            absl::StatusCode::kUnimplemented);
}

TEST_F(ImportTest, ZeroPointsOfEachBatchAreSubtractedBefore) {
  auto imported = ImportModel(
      Graph("g (uint8[2,3,4] a, uint8[4,5] b, uint8[2,3,1] z) => (int32[2,3,5] y) { y = MatMulInteger(a, b, z) }"));
  ASSERT_TRUE(imported.ok()) << imported.status();
  EXPECT_THAT(imported->outputs[0].dims, ElementsAre(2, 3, 5));
  EXPECT_EQ(Count(*imported)["graph.sub"], 1);
}

TEST_F(ImportTest, NarrowElementsKeepTheirName) {
  auto imported = ImportModel(
      Graph("g (float[3] x) => (int4[3] y, float4e2m1[3] z) { y = Cast <to = 22> (x) z = Cast <to = 23> (x) }", 23));
  ASSERT_TRUE(imported.ok()) << imported.status();
  EXPECT_EQ(imported->outputs[0].onnx_element, 22);
  EXPECT_EQ(imported->outputs[0].dtype, plan::I8);
  EXPECT_EQ(imported->outputs[1].onnx_element, 23);
  EXPECT_EQ(imported->outputs[1].dtype, plan::F8E4M3FN);
}

TEST_F(ImportTest, SequencesOfTheSignatureAreTheirTensors) {
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

TEST_F(ImportTest, FunctionsOfSequencesKnowTheirTypes) {
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

TEST_F(ImportTest, OptionalsAreWhatTheyHold) {
  auto imported = ImportModel(Graph(
      "g (float[3] x) => (float[3] y, bool h) { o = Optional(x) y = OptionalGetElement(o) h = OptionalHasElement(o) }",
      18));
  ASSERT_TRUE(imported.ok()) << imported.status();
  EXPECT_TRUE(Result(*imported, 1).getSplatValue<bool>());
}

TEST_F(ImportTest, UnrollsLoopsOfKnownLengthAndKeepsOthers) {
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

TEST_F(ImportTest, ExpandsFunctionsOfTheModel) {
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

TEST_F(ImportTest, FollowsTheOpset) {
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
TEST_F(ImportTest, OldSoftmaxFlattens) {
  auto old = ImportModel(Graph("g (float[2,3,4] x) => (float[2,3,4] y) { y = Softmax(x) }", 11));
  ASSERT_TRUE(old.ok()) << old.status();
  EXPECT_EQ(Count(*old)["graph.reshape"], 2);
  auto now = ImportModel(Graph("g (float[2,3,4] x) => (float[2,3,4] y) { y = Softmax(x) }", 13));
  ASSERT_TRUE(now.ok()) << now.status();
  EXPECT_EQ(Count(*now)["graph.reshape"], 0);
}

TEST_F(ImportTest, FoldsBatchNormalizationIntoConvolution) {
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

TEST_F(ImportTest, EvaluatesShapeArithmetic) {
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
