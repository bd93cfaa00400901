// Generated PTX: what ptxas makes of it, that it is the same every time, and what is said where the toolkit is missing.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "compiler/codegen/cuda/kernels_testing.h"

namespace plimsoll::codegen {
namespace {

using testing::HasSubstr;

// One operation of each kind, in the element types that matter, and the fusions of a transformer.
std::string Everything() {
  std::string text = "func.func @f(";
  std::string body;
  int number = 0;
  auto add = [&](const std::vector<std::string>& operands, const std::string& op, const std::string& types) {
    std::string line = op;
    for (size_t i = 0; i < operands.size(); ++i) {
      const std::string name = absl::StrCat("%a", number, "_", i);
      absl::StrAppend(&text, number + i == 0 ? "" : ", ", name, ": tensor<", operands[i], ">");
      line = absl::StrReplaceAll(line, {{absl::StrCat("$", i), name}});
    }
    absl::StrAppend(&body, "  %r", number++, " = ", line, " : ", types, "\n");
  };
  for (const char* e : {"f32", "bf16", "f16"}) {
    const std::string flat = absl::StrCat("4x1000x", e), wide = absl::StrCat("8x4096x", e),
                      odd = absl::StrCat("7x197x", e), image = absl::StrCat("2x64x56x56x", e);
    auto unary = [](const std::string& t) { return absl::StrCat("tensor<", t, "> -> tensor<", t, ">"); };
    for (const char* name : {"exp", "tanh", "erf", "sin", "log", "rsqrt", "atan", "acosh"})
      add({flat}, absl::StrCat("graph.", name, " $0"), unary(flat));
    add({flat}, "graph.activation <gelu_erf> $0 {alpha = 0.0 : f64, beta = 0.0 : f64}", unary(flat));
    add({odd}, "graph.activation <silu> $0 {alpha = 1.0 : f64, beta = 0.0 : f64}", unary(odd));
    add({image, absl::StrCat("64x1x1x", e)}, "graph.add $0, $1",
        absl::StrCat("(tensor<", image, ">, tensor<64x1x1x", e, ">) -> tensor<", image, ">"));
    add({wide, wide}, "graph.pow $0, $1",
        absl::StrCat("(tensor<", wide, ">, tensor<", wide, ">) -> tensor<", wide, ">"));
    for (const std::string& t : {flat, wide, odd}) {
      add({t}, "graph.softmax $0 {axis = 1 : i64, log = false}", unary(t));
      add({t}, "graph.softmax $0 {axis = 0 : i64, log = true}", unary(t));
    }
    add({absl::StrCat("3x50257x", e)}, "graph.softmax $0 {axis = 1 : i64, log = false}",
        unary(absl::StrCat("3x50257x", e)));
    for (int n : {77, 768, 1024, 4096, 8192, 16384, 20000, 32768}) {
      const std::string x = absl::StrCat("16x", n, "x", e), w = absl::StrCat(n, "x", e);
      add({x, w, w}, "graph.layer_norm $0, $1, $2 {axis = 1 : i64, epsilon = 1.0e-5 : f64}",
          absl::StrCat("(tensor<", x, ">, tensor<", w, ">, tensor<", w, ">) -> tensor<", x, ">"));
      add({x, w}, "graph.rms_norm $0, $1 {axis = 1 : i64, epsilon = 1.0e-5 : f64}",
          absl::StrCat("(tensor<", x, ">, tensor<", w, ">) -> tensor<", x, ">"));
    }
    add({image, absl::StrCat("64x", e), absl::StrCat("64x", e)},
        "graph.group_norm $0, $1, $2 {groups = 32 : i64, epsilon = 1.0e-5 : f64}",
        absl::StrCat("(tensor<", image, ">, tensor<64x", e, ">, tensor<64x", e, ">) -> tensor<", image, ">"));
    for (const char* kind : {"sum", "max", "mean", "l2"}) {
      add({image}, absl::StrCat("graph.reduce <", kind, "> $0 over [2, 3] keep true"),
          absl::StrCat("tensor<", image, "> -> tensor<2x64x1x1x", e, ">"));
      add({image}, absl::StrCat("graph.reduce <", kind, "> $0 over [1] keep false"),
          absl::StrCat("tensor<", image, "> -> tensor<2x56x56x", e, ">"));
    }
    add({wide}, "graph.arg_reduce $0 {largest = true, axis = 1 : i64, keep_dims = false, last = false}",
        absl::StrCat("tensor<", wide, "> -> tensor<8xi64>"));
    add({image}, "graph.transpose $0 by [0, 2, 3, 1]",
        absl::StrCat("tensor<", image, "> -> tensor<2x56x56x64x", e, ">"));
    add({absl::StrCat("2048x1000x", e)}, "graph.transpose $0 by [1, 0]",
        absl::StrCat("tensor<2048x1000x", e, "> -> tensor<1000x2048x", e, ">"));
    add({absl::StrCat("1000x128x", e), "2x77xi64"}, "graph.gather $0, $1 along 0",
        absl::StrCat("(tensor<1000x128x", e, ">, tensor<2x77xi64>) -> tensor<2x77x128x", e, ">"));
    add({flat}, "graph.cast $0", absl::StrCat("tensor<", flat, "> -> tensor<4x1000xi8>"));
  }
  add({"2048x2000xi8"}, "graph.transpose $0 by [1, 0]", "tensor<2048x2000xi8> -> tensor<2000x2048xi8>");
  return text + ") {\n" + body + "  return\n}\n";
}

class Assembled : public testing::TestWithParam<std::pair<const char*, const char*>> {};

// Text of the first, assembled for the second.
TEST_P(Assembled, WithoutSpills) {
  const CudaToolkit toolkit = FindCudaToolkit();
  if (toolkit.ptxas.empty() || toolkit.libdevice.empty()) GTEST_SKIP() << "no CUDA toolkit";
  const auto [text, arch] = GetParam();
  Kernels all(Everything());
  const CudaCode code = all.Compile(text);
  auto binary = Assemble(code.ptx, arch, toolkit);
  ASSERT_TRUE(binary.ok()) << binary.status();
  EXPECT_THAT(binary->cubin.substr(0, 4),
              "\x7f"
              "ELF");
  ASSERT_EQ(binary->resources.size(), all.kernels.size());
  int most = 0;
  for (const CudaResources& kernel : binary->resources) {
    EXPECT_EQ(kernel.spill_bytes, 0) << kernel.symbol;
    EXPECT_GT(kernel.registers, 0) << kernel.symbol;
    EXPECT_LE(kernel.shared_bytes, 48 * 1024) << kernel.symbol;
    most = std::max(most, kernel.registers);
  }
  RecordProperty("kernels", static_cast<int>(all.kernels.size()));
  RecordProperty("most_registers", most);
}
INSTANTIATE_TEST_SUITE_P(Architectures, Assembled,
                         testing::Values(std::pair("sm_75", "sm_75"), std::pair("sm_80", "sm_80"),
                                         std::pair("sm_86", "sm_86"), std::pair("sm_89", "sm_89"),
                                         std::pair("sm_90", "sm_90"), std::pair("sm_80", "sm_100"),
                                         std::pair("sm_80", "sm_120"), std::pair("sm_100", "sm_100")),
                         [](const auto& info) { return absl::StrCat(info.param.first, "_for_", info.param.second); });

TEST(Target, OlderArchitecturesGiveText) {
  Kernels one("func.func @f(%a: tensor<7x33xf16>) { %r = graph.exp %a : tensor<7x33xf16> -> tensor<7x33xf16> return }");
  for (const char* arch : {"sm_60", "sm_61", "sm_70"}) {
    EXPECT_THAT(one.Compile(arch).ptx, HasSubstr(absl::StrCat(".target ", arch)));
    EXPECT_EQ(Target(arch).last_toolkit, "12.9");
  }
  EXPECT_EQ(Target("sm_75").last_toolkit, "");
  auto unknown = ResolveCuda("sm_81");
  EXPECT_EQ(unknown.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(unknown.status().message()), HasSubstr("sm_80"));
}

struct Environment {
  explicit Environment(const char* folder) { setenv("PLIMSOLL_CUDA", folder, 1); }
  ~Environment() { unsetenv("PLIMSOLL_CUDA"); }
};

TEST(Toolkit, WhatIsMissingIsSaid) {
  Environment nowhere("/nowhere");
  Kernels plain(
      "func.func @f(%a: tensor<7x33xf32>) { %r = graph.neg %a : tensor<7x33xf32> -> tensor<7x33xf32> return }");
  EXPECT_THAT(plain.Compile("sm_80").ptx, HasSubstr(".entry k0_neg"));  // needs no library
  Kernels exponential(
      "func.func @f(%a: tensor<7x33xf32>) { %r = graph.exp %a : tensor<7x33xf32> -> tensor<7x33xf32> return }");
  CudaKernelCompiler compiler(Target("sm_80"), FindCudaToolkit());
  ASSERT_TRUE(mlir::succeeded(compiler.Add(exponential.operations()[0])));
  auto code = compiler.Finish();
  EXPECT_EQ(code.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(code.status().message()), HasSubstr("tools/setup.sh --cuda"));
  auto binary = Assemble("", "sm_80", FindCudaToolkit());
  EXPECT_EQ(binary.status().code(), absl::StatusCode::kUnavailable);
}

TEST(Toolkit, RefusalsOfTheAssemblerAreToldInItsWords) {
  const CudaToolkit toolkit = FindCudaToolkit();
  if (toolkit.ptxas.empty()) GTEST_SKIP() << "no CUDA toolkit";
  auto binary = Assemble(".version 7.8\n.target sm_80\n.address_size 64\n.entry k() { nonsense; }\n", "sm_80", toolkit);
  EXPECT_EQ(binary.status().code(), absl::StatusCode::kInternal);
  EXPECT_THAT(std::string(binary.status().message()), HasSubstr("nonsense"));
  const CudaToolkit no_program{"", "/dev/null"};
  EXPECT_EQ(Assemble("", "sm_80", no_program).status().code(), absl::StatusCode::kUnavailable);
}

TEST(Compiler, SameTextTwice) {
  const std::string text = Everything();
  EXPECT_EQ(Kernels(text).Compile("sm_80").ptx, Kernels(text).Compile("sm_80").ptx);
}

// LLVM keeps what a module's annotations say by the module's address: nothing may be left for the next one there.
// Kernels of different block sizes take turns.
TEST(Compiler, NothingIsLeftOfTheModuleBefore) {
  std::vector<std::string> texts;
  for (int columns : {1200, 2048, 3000, 4096, 8000, 9000})
    for (const char* type : {"f32", "f16"}) {
      const std::string t = absl::StrCat("tensor<8x", columns, "x", type, ">");
      texts.push_back(absl::StrCat("func.func @f(%a: ", t, ") { %r = graph.softmax %a {axis = 1 : i64, log = false} : ",
                                   t, " -> ", t, " return }"));
    }
  std::vector<std::string> first;
  for (const std::string& text : texts) first.push_back(Kernels(text).Compile("sm_80").ptx);
  for (int round = 0; round < 120; ++round) {
    const size_t which = static_cast<size_t>(round * round * 7 + round / 5) % texts.size();
    ASSERT_EQ(Kernels(texts[which]).Compile("sm_80").ptx, first[which]) << "round " << round;
  }
}

}  // namespace
}  // namespace plimsoll::codegen
