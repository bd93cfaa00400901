// Whole models as CUDA plans on the emulated GPU, against their stored outputs.
#include <gtest/gtest.h>

#include <cstdio>
#include <filesystem>
#include <map>
#include <string>
#include <tuple>

#include "absl/strings/match.h"
#include "tests/emulation/run_emulated.h"
#include "tests/end_to_end/collections.h"
#include "tools/plimsoll/data_set.h"

namespace plimsoll::cli {
namespace {

struct Way {
  const char* name;
  const char* precision;
  double rms;       // of the outputs' root mean square; 0: element by element
  bool libraries;   // cuBLASLt and cuDNN, or generated kernels alone
  int streams;
};
constexpr Way kKernels = {"kernels", "f32", 0, false, 4};
constexpr Way kLibraries = {"libraries", "f32", 0, true, 1};
constexpr Way kBf16 = {"bf16", "bf16", 0.15, true, 4};
constexpr Way kF16 = {"f16", "f16", 0.03, false, 1};
constexpr Way kTf32 = {"tf32", "tf32", 0.01, false, 4};

// Kernels of attention that the first data set's plan launches, of models that have it over 16 positions or more, or in a
// decoder's step.
const std::map<std::string, int>& WithAttention() {
  static const std::map<std::string, int> models = {
      {"bert", 2},          {"gpt2", 2},       {"llama", 2}, {"llama_decode", 2}, {"llama_dynamic", 2},
      {"llama_opset23", 2}, {"t5_encoder", 2}, {"unet", 8},  {"vit", 2},          {"whisper_encoder", 2}};
  return models;
}

// Attentions of a run: kernels, and calls of a library that have such a kernel to fall back to.
int AttentionsOf(const plan::Plan& plan) {
  int count = 0;
  for (const plan::Command& command : plan.run().commands()) {
    const plan::LibraryCall& call = command.library_call();
    count += absl::StrContains(command.launch().symbol(), "_attention") ||
             (call.op().has_attention() && absl::StrContains(call.fallback().symbol(), "_attention"));
  }
  return count;
}

void RunModel(const std::string& folder, const Way& way) {
  const std::string model = folder + "/model.onnx";
  auto check = Compiler().check(model, {});
  ASSERT_TRUE(check.ok()) << check.status();
  auto sets = FindDataSets(folder);
  ASSERT_TRUE(sets.ok()) << sets.status();
  uint64_t seed = 1;
  for (const DataSet& set : *sets) {
    SCOPED_TRACE(set.name);
    auto inputs = ReadTensors(set.folder, "input", InputNamesOf(*check));
    ASSERT_TRUE(inputs.ok()) << inputs.status();
    emulation::EmulatedGpu gpu({.seed = seed++, .libraries = way.libraries});
    compiler::Options options;
    options.target = "cuda:sm_80";
    options.precision = way.precision;
    options.streams = way.streams;
    auto program = emulation::CompileAndLoad(gpu, Compiler(), model, options, *inputs);
    if (absl::StrContains(program.status().message(), "libdevice")) GTEST_SKIP() << program.status();
    ASSERT_TRUE(program.ok()) << program.status();
    {
      auto session = runtime::Session::Create(*program);
      ASSERT_TRUE(session.ok()) << session.status();
      auto expected = ReadTensors(set.folder, "output", OutputNames((*program)->plan()));
      ASSERT_TRUE(expected.ok()) << expected.status();
      ASSERT_FALSE(expected->empty());
      Tolerance tolerance = ToleranceOf(*check);
      if (way.rms > 0) tolerance.rms = way.rms;
      for (int run = 0; run < 2; ++run) {   // the second over what the first left
        auto outputs = RunOnce(**session, *inputs);
        ASSERT_TRUE(outputs.ok()) << outputs.status();
        for (const auto& [name, tensor] : *expected) {
          ASSERT_TRUE(outputs->count(name)) << name;
          const Difference difference = Compare(outputs->at(name), tensor, tolerance);
          EXPECT_TRUE(difference.equal) << name << ": " << difference.reason;
        }
      }
    }
    const plan::Plan& plan = (*program)->plan();
    printf("%s: %d commands on %d streams, %ld kernels launched, %ld library calls, %d attentions\n",
           set.name.c_str(), plan.run().commands_size(), std::max(1, plan.run().streams()),
           static_cast<long>(gpu.launches()), static_cast<long>(gpu.library_calls()), AttentionsOf(plan));
    const auto attends = WithAttention().find(std::filesystem::path(folder).filename());
    if (attends != WithAttention().end() && set.name == "test_data_set_0")
      EXPECT_EQ(AttentionsOf(plan), attends->second);
    // What a plan takes is what was allocated, to the byte.
    EXPECT_EQ((*program)->device_usage().planned_bytes, gpu.driver().peak_bytes());
    program->reset();
    EXPECT_EQ(gpu.violation(), "");
  }
}

class EmulatedModel : public ::testing::TestWithParam<std::string> {};

TEST_P(EmulatedModel, ByGeneratedKernels) { RunModel(GetParam(), kKernels); }

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(EmulatedModel);
INSTANTIATE_TEST_SUITE_P(Collections, EmulatedModel, ::testing::ValuesIn(ModelFolders()), TestName);

// The tiny ones: the libraries' emulations are slow, and their numbers are small enough for halves.
class EmulatedTinyModel : public ::testing::TestWithParam<std::string> {};

TEST_P(EmulatedTinyModel, ByLibraries) { RunModel(GetParam(), kLibraries); }
TEST_P(EmulatedTinyModel, InBf16) { RunModel(GetParam(), kBf16); }
TEST_P(EmulatedTinyModel, InF16) { RunModel(GetParam(), kF16); }
TEST_P(EmulatedTinyModel, InTf32) { RunModel(GetParam(), kTf32); }

std::vector<std::string> TinyModelFolders() {
  std::vector<std::string> folders = ModelFolders();
  std::erase_if(folders, [](const std::string& folder) { return !absl::StrContains(folder, "/tiny/"); });
  return folders;
}

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(EmulatedTinyModel);
INSTANTIATE_TEST_SUITE_P(Collections, EmulatedTinyModel, ::testing::ValuesIn(TinyModelFolders()), TestName);

}  // namespace
}  // namespace plimsoll::cli
