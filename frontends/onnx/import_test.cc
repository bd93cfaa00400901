#include "frontends/onnx/import.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "frontends/onnx/importer.h"
#include "frontends/onnx/testing/import_fixture.h"

namespace plimsoll::onnx_frontend {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

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
              testing::AllOf(HasSubstr("com.microsoft::Frobnicate (not implemented)"), HasSubstr("one"),
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

}  // namespace
}  // namespace plimsoll::onnx_frontend
