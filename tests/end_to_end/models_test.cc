// Whole models through compiler and runtime, against outputs that ONNX Runtime computed. The models of tests/data always; those of
// $PLIMSOLL_SHARED/models (default: ../shared beside the repository) where they are there; ONNX's light topologies.
#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <functional>
#include <set>

#include "absl/strings/str_cat.h"
#include "tests/end_to_end/collections.h"
#include "tools/plimsoll/data_set.h"
#include "tools/plimsoll/execution.h"

namespace plimsoll::cli {
namespace {

namespace fs = std::filesystem;

void ExpectEqual(const Tensors& outputs, const std::map<std::string, Tensor>& expected, const Tolerance& tolerance) {
  ASSERT_FALSE(expected.empty());
  for (const auto& [name, tensor] : expected) {
    ASSERT_TRUE(outputs.count(name)) << name;
    const Difference difference = Compare(outputs.at(name), tensor, tolerance);
    EXPECT_TRUE(difference.equal) << name << ": " << difference.reason;
  }
}

// Compiles the model of `folder` with `options`, runs every data set beside it twice, and compares. `look`: at each plan.
void ExpectStoredOutputs(const std::string& folder, const compiler::Options& options,
                         const std::function<void(const plan::Plan&)>& look) {
  const std::string model = folder + "/model.onnx";
  auto check = Compiler().check(model, {});
  ASSERT_TRUE(check.ok()) << check.status();
  const std::vector<std::string> names = InputNamesOf(*check);
  auto sets = FindDataSets(folder);
  ASSERT_TRUE(sets.ok()) << sets.status();
  for (const DataSet& set : *sets) {
    SCOPED_TRACE(set.name);
    auto inputs = ReadTensors(set.folder, "input", names);
    ASSERT_TRUE(inputs.ok()) << inputs.status();
    auto compiled = CompileAndLoad(Compiler(), model, options, *inputs);
    ASSERT_TRUE(compiled.ok()) << compiled.status();
    look(compiled->program->plan());
    auto session = runtime::Session::Create(compiled->program);
    ASSERT_TRUE(session.ok()) << session.status();
    auto expected = ReadTensors(set.folder, "output", OutputNames(compiled->program->plan()));
    ASSERT_TRUE(expected.ok()) << expected.status();
    for (int run = 0; run < 2; ++run) {   // the second finds the arena as the first left it
      auto outputs = RunOnce(**session, *inputs);
      ASSERT_TRUE(outputs.ok()) << outputs.status();
      ExpectEqual(*outputs, *expected, ToleranceOf(*check));
    }
  }
}

class Model : public testing::TestWithParam<std::string> {};

TEST_P(Model, GivesTheStoredOutputs) {
  ExpectStoredOutputs(GetParam(), {}, [](const plan::Plan&) {});
}

// What low precision rounds, over all outputs of a model's first set: spread, not broken.
TEST_P(Model, StaysNearTheStoredOutputsInLowPrecision) {
  const std::string folder = GetParam(), model = folder + "/model.onnx";
  auto check = Compiler().check(model, {});
  ASSERT_TRUE(check.ok()) << check.status();
  const std::vector<std::string> names = InputNamesOf(*check);
  auto sets = FindDataSets(folder);
  ASSERT_TRUE(sets.ok() && !sets->empty()) << sets.status();
  auto inputs = ReadTensors(sets->front().folder, "input", names);
  ASSERT_TRUE(inputs.ok()) << inputs.status();
  for (const auto& [precision, rms] : {std::pair("bf16", 0.15), std::pair("f16", 0.03)}) {
    SCOPED_TRACE(precision);
    compiler::Options options;
    options.precision = precision;
    auto compiled = CompileAndLoad(Compiler(), model, options, *inputs);
    ASSERT_TRUE(compiled.ok()) << compiled.status();
    EXPECT_EQ(compiled->program->plan().precision(), precision);
    auto session = runtime::Session::Create(compiled->program);
    ASSERT_TRUE(session.ok()) << session.status();
    auto expected = ReadTensors(sets->front().folder, "output", OutputNames(compiled->program->plan()));
    ASSERT_TRUE(expected.ok()) << expected.status();
    auto outputs = RunOnce(**session, *inputs);
    ASSERT_TRUE(outputs.ok()) << outputs.status();
    ExpectEqual(*outputs, *expected, {0, 0, rms});
  }
}

// The least budget named in a refusal is met by computing operations again, and the outputs stay the same.
class Recomputed : public testing::TestWithParam<std::string> {};

TEST_P(Recomputed, GivesTheStoredOutputs) {
  const std::string folder = GetParam(), model = folder + "/model.onnx";
  compiler::Options options;
  options.budget_bytes = 1;
  const auto refusal = compiler::RefusalOf(Compiler().compile(model, options).status());
  ASSERT_TRUE(refusal.has_value());
  options.budget_bytes = refusal->smallest_feasible_budget_bytes;
  ExpectStoredOutputs(folder, options, [&](const plan::Plan& plan) {
    EXPECT_EQ(plan.certificate().peak_bytes(), *options.budget_bytes);
    EXPECT_GT(plan.certificate().recomputed_operations(), 0);
  });
}

INSTANTIATE_TEST_SUITE_P(Collections, Model, testing::ValuesIn(ModelFolders()), TestName);

INSTANTIATE_TEST_SUITE_P(Tiny, Recomputed,
                         testing::Values(SourceFolder() + "/tests/data/models/tiny/t5_encoder",
                                         SourceFolder() + "/tests/data/models/tiny/unet",
                                         SourceFolder() + "/tests/data/models/tiny/whisper_encoder"),
                         TestName);

// ONNX's backend test feeds these arange(n) / n, and carries the outputs.
class Light : public testing::TestWithParam<std::string> {};

TEST_P(Light, GivesTheStoredOutput) {
  const std::string model = GetParam();
  auto check = Compiler().check(model, {});
  ASSERT_TRUE(check.ok()) << check.status();
  ASSERT_EQ(check->inputs.size(), 1u);
  auto compiled = CompileAndLoad(Compiler(), model, {}, {});
  ASSERT_TRUE(compiled.ok()) << compiled.status();
  const plan::Plan& plan = compiled->program->plan();
  Tensor input;
  input.name = plan.signature().inputs(0).name();
  input.type = plan.signature().inputs(0).type();
  int64_t count = 1;
  for (int64_t dim : input.type.dims()) count *= dim;
  input.bytes.resize(count * sizeof(float));
  for (int64_t i = 0; i < count; ++i) {
    const float value = static_cast<float>(static_cast<double>(i) / static_cast<double>(count));
    std::memcpy(input.bytes.data() + i * sizeof(float), &value, sizeof(float));
  }
  auto session = runtime::Session::Create(compiled->program);
  ASSERT_TRUE(session.ok()) << session.status();
  auto outputs = RunOnce(**session, {{input.name, input}});
  ASSERT_TRUE(outputs.ok()) << outputs.status();
  auto expected = ReadTensor(model.substr(0, model.size() - 5) + "_output_0.pb");
  ASSERT_TRUE(expected.ok()) << expected.status();
  expected->name = OutputNames(plan)[0];
  ExpectEqual(*outputs, {{expected->name, *expected}}, {1e-3, 1e-4});
}

std::vector<std::string> LightModels() {
  std::vector<std::string> models;
  const std::string folder = Environment("PLIMSOLL_DEPS", SourceFolder() + "/third_party/deps") + "/onnx-wheel/onnx/backend/test/data/light";
  if (!fs::is_directory(folder)) return models;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() == ".onnx") models.push_back(entry.path().string());
  }
  std::sort(models.begin(), models.end());
  return models;
}

INSTANTIATE_TEST_SUITE_P(Topologies, Light, testing::ValuesIn(LightModels()), TestName);

}  // namespace
}  // namespace plimsoll::cli
