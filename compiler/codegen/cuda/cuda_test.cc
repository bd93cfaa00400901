// Generated PTX: what ptxas makes of it, which skeletons and accesses it takes, what is said where the toolkit is
// missing.
#include "compiler/codegen/cuda/cuda.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "compiler/codegen/cuda/emulator/emulator.h"
#include "compiler/codegen/pch.h"
#include "ir/graph/graph.h"
#include "mlir/Parser/Parser.h"

namespace plimsoll::codegen {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

CudaTarget Target(const std::string& arch) { return *ResolveCuda(arch); }

// The graph operations of a function whose operands are its arguments.
class Kernels {
 public:
  explicit Kernels(const std::string& text) : context_(mlir::MLIRContext::Threading::DISABLED) {
    mlir::DialectRegistry registry;
    registry.insert<graph::GraphDialect, mlir::func::FuncDialect>();
    context_.appendDialectRegistry(registry);
    context_.loadAllAvailableDialects();
    module_ = mlir::parseSourceString<mlir::ModuleOp>(text, &context_);
  }
  std::vector<mlir::Operation*> operations() {
    std::vector<mlir::Operation*> operations;
    for (mlir::Operation& op : (*module_->getOps<mlir::func::FuncOp>().begin()).getBody().front())
      if (llvm::isa<graph::GraphDialect>(op.getDialect())) operations.push_back(&op);
    return operations;
  }
  CudaCode Compile(const std::string& arch, bool keep_bitcode = false, llvm::ArrayRef<int> alignments = {}) {
    kernels.clear();
    CudaKernelCompiler compiler(Target(arch), FindCudaToolkit());
    for (mlir::Operation* op : operations()) {
      auto kernel = compiler.Add(op, alignments);
      EXPECT_TRUE(mlir::succeeded(kernel));
      kernels.push_back(*kernel);
    }
    auto code = compiler.Finish(keep_bitcode);
    EXPECT_TRUE(code.ok()) << code.status();
    return code.ok() ? *code : CudaCode{};
  }
  std::vector<CudaKernel> kernels;

 private:
  mlir::MLIRContext context_;
  mlir::OwningOpRef<mlir::ModuleOp> module_;
};

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

std::string Add(const std::string& type) {
  return absl::StrCat("func.func @f(%a: tensor<", type, ">, %b: tensor<", type, ">) { %r = graph.add %a, %b : (tensor<",
                      type, ">, tensor<", type, ">) -> tensor<", type, "> return }");
}

TEST(Map, AccessesOfSixteenBytes) {
  for (const char* element : {"f32", "f16", "bf16", "i64", "i8"}) {
    const std::string ptx = Kernels(Add(absl::StrCat("1000x64x", element))).Compile("sm_80").ptx;
    EXPECT_THAT(ptx, testing::ContainsRegex(element == std::string("i64") ? "ld\\.global\\.v2\\.[bu]64"
                                                                          : "ld\\.global\\.v4\\.[bfu]32"))
        << element;
    EXPECT_THAT(ptx, testing::ContainsRegex(element == std::string("i64") ? "st\\.global\\.v2\\.[bu]64"
                                                                          : "st\\.global\\.v4\\.[bfu]32"))
        << element;
  }
  // Two rows that do not start aligned, and buffers that are told not to.
  EXPECT_THAT(Kernels("func.func @f(%a: tensor<9x33xf32>, %b: tensor<9x1xf32>) { %r = graph.add %a, %b : "
                      "(tensor<9x33xf32>, tensor<9x1xf32>) -> tensor<9x33xf32> return }")
                  .Compile("sm_80")
                  .ptx,
              Not(HasSubstr(".v4")));
  EXPECT_THAT(Kernels(Add("1000x64xf32")).Compile("sm_80", false, {16, 4, 16}).ptx,
              testing::AllOf(HasSubstr("ld.global.v4"), HasSubstr("ld.global.f32")));
}

TEST(Map, ReadOnlyPathWhereNothingIsComputedInPlace) {
  const std::string row = Kernels(
                              "func.func @f(%a: tensor<64x64xf32>, %b: tensor<64xf32>) { %r = graph.add %a, %b : "
                              "(tensor<64x64xf32>, tensor<64xf32>) -> tensor<64x64xf32> return }")
                              .Compile("sm_80")
                              .ptx;
  EXPECT_THAT(row, HasSubstr("ld.global.nc.v4"));  // the row
  EXPECT_THAT(row, HasSubstr("ld.global.v4"));     // what the result may take the place of
}

// The rotation of a rotary embedding: halves change places, each of them read by whole lanes.
TEST(Map, PartsOfAConcatenationInsideAreReadTogether) {
  const std::string x = "tensor<64x128xf32>", half = "tensor<64x64xf32>";
  const std::string ptx =
      Kernels(absl::StrCat("func.func @f(%a: ", x, ", %b: ", x, ") {\n %r = graph.fusion(%a, %b) : (", x, ", ", x,
                           ") -> ", x, " {\n ^bb0(%p: ", x, ", %q: ", x,
                           "):\n %l = graph.slice %p {starts = array<i64: 0, 64>, sizes = array<i64: 64, 64>, strides "
                           "= array<i64: 1, 1>} : ",
                           x, " -> ", half, "\n %n = graph.neg %l : ", half, " -> ", half,
                           "\n %h = graph.slice %p {starts = array<i64: 0, 0>, sizes = array<i64: 64, 64>, strides = "
                           "array<i64: 1, 1>} : ",
                           x, " -> ", half, "\n %c = graph.concat %n, %h along 1 : (", half, ", ", half, ") -> ", x,
                           "\n %y = graph.mul %c, %q : (", x, ", ", x, ") -> ", x, "\n graph.yield %y : ", x,
                           "\n }\n return\n}"))
          .Compile("sm_80")
          .ptx;
  EXPECT_THAT(ptx, HasSubstr("ld.global.nc.v4"));
  EXPECT_THAT(ptx, Not(testing::ContainsRegex("ld\\.global\\.nc\\.[bfu]32")));
}

TEST(Map, GridOfTheGpu) {
  Kernels large(Add("100000x1000xf32"));
  large.Compile("sm_90");
  EXPECT_EQ(large.kernels[0].blocks, 132 * 32);
  Kernels small(Add("1000xf32"));
  small.Compile("sm_90");
  EXPECT_EQ(small.kernels[0].blocks, 1);
}

TEST(Map, IndicesOf32Bits) {
  const std::string ptx = Kernels(
                              "func.func @f(%a: tensor<64x30x50xf32>, %b: tensor<64x1x50xf32>) { %r = graph.add %a, %b "
                              ": (tensor<64x30x50xf32>, tensor<64x1x50xf32>) -> tensor<64x30x50xf32> return }")
                              .Compile("sm_80")
                              .ptx;
  EXPECT_THAT(ptx, Not(HasSubstr("div.u64")));
  EXPECT_THAT(ptx, Not(HasSubstr("mul.lo.s64")));
}

TEST(Map, IndicesOf64BitsWhereTensorsAreLarge) {
  Kernels large(
      "func.func @f(%a: tensor<50000x70001xf32>, %b: tensor<70001xf32>) { %r = graph.add %a, %b : "
      "(tensor<50000x70001xf32>, "
      "tensor<70001xf32>) -> tensor<50000x70001xf32> return }");
  const CudaCode code = large.Compile("sm_80");
  EXPECT_THAT(code.ptx, testing::ContainsRegex("setp\\.[a-z]+\\.[su]64"));
  EXPECT_EQ(large.kernels[0].blocks, 108 * 32);
  const CudaToolkit toolkit = FindCudaToolkit();
  if (toolkit.ptxas.empty()) GTEST_SKIP() << "no CUDA toolkit";
  auto binary = Assemble(code.ptx, "sm_80", toolkit);
  ASSERT_TRUE(binary.ok()) << binary.status();
  EXPECT_EQ(binary->resources[0].spill_bytes, 0);
}

// Two results in f32 for each row weigh little against its halves.
TEST(Skeletons, ResultsOfRowsCountOnce) {
  Kernels two(
      R"(func.func @f(%x: tensor<64x8192xf16>) { %r:2 = graph.fusion(%x) : (tensor<64x8192xf16>) -> (tensor<64x1xf32>, tensor<64x1xf32>) {
    ^bb0(%a: tensor<64x8192xf16>):
      %0 = graph.cast %a : tensor<64x8192xf16> -> tensor<64x8192xf32>
      %1 = graph.reduce <mean> %0 over [1] keep true : tensor<64x8192xf32> -> tensor<64x1xf32>
      %2 = graph.sub %0, %1 : (tensor<64x8192xf32>, tensor<64x1xf32>) -> tensor<64x8192xf32>
      %3 = graph.reduce <sum_square> %2 over [1] keep true : tensor<64x8192xf32> -> tensor<64x1xf32>
      graph.yield %1, %3 : tensor<64x1xf32>, tensor<64x1xf32>
    } return })");
  two.Compile("sm_80");
  EXPECT_THAT(two.kernels[0].skeletons, ElementsAre("row"));
}

// Nor do a channel's parameters, however many, decide against the channel's elements.
TEST(Skeletons, ParametersOfChannelsDoNotDecide) {
  std::string body, x = "tensor<32x16384xf16>";
  std::string operands = "%x: " + x, types = x, arguments = "%x", inner = "%v0: " + x;
  for (int i = 0; i < 4; ++i) {
    absl::StrAppend(&operands, ", %p", i, ": tensor<32x1xf16>");
    absl::StrAppend(&types, ", tensor<32x1xf16>");
    absl::StrAppend(&arguments, ", %p", i);
    absl::StrAppend(&inner, ", %q", i, ": tensor<32x1xf16>");
    absl::StrAppend(&body, "%v", i + 1, " = graph.mul %v", i, ", %q", i, " : (", x, ", tensor<32x1xf16>) -> ", x, "\n");
  }
  Kernels one(absl::StrCat("func.func @f(", operands, ") { %r = graph.fusion(", arguments, ") : (", types, ") -> ", x,
                           " {\n^bb0(", inner, "):\n", body, "graph.yield %v4 : ", x, "\n} return }"));
  EXPECT_THAT(one.Compile("sm_80").ptx, testing::AllOf(HasSubstr("ld.global.v4"), HasSubstr("st.global.v4")));
}

TEST(Skeletons, AreChosenByWhatIsContiguous) {
  struct Case {
    const char *operands, *op;
    const char* skeleton;
  };
  const std::vector<Case> cases = {
      {"%a: tensor<64x1000xf32>",
       "graph.softmax %a {axis = 1 : i64, log = false} : tensor<64x1000xf32> -> tensor<64x1000xf32>", "row"},
      {"%a: tensor<64x1000xf32>",
       "graph.softmax %a {axis = 0 : i64, log = false} : tensor<64x1000xf32> -> tensor<64x1000xf32>", "column"},
      {"%a: tensor<3x400000xf32>",
       "graph.reduce <sum> %a over [0] keep false : tensor<3x400000xf32> -> tensor<400000xf32>", "serial"},
      {"%a: tensor<64x1000xf32>", "graph.transpose %a by [1, 0] : tensor<64x1000xf32> -> tensor<1000x64xf32>",
       "transpose"},
      {"%a: tensor<64x1000xf32>", "graph.neg %a : tensor<64x1000xf32> -> tensor<64x1000xf32>", "map"},
  };
  for (const Case& c : cases) {
    Kernels one(absl::StrCat("func.func @f(", c.operands, ") { %r = ", c.op, " return }"));
    one.Compile("sm_80");
    EXPECT_THAT(one.kernels[0].skeletons, ElementsAre(c.skeleton)) << c.op;
  }
}

// Narrow elements go in words both ways, to global memory and to shared memory.
TEST(Transpose, WordsOfNarrowElements) {
  for (const char* element : {"f16", "bf16", "i8"}) {
    const std::string text = absl::StrCat("func.func @f(%a: tensor<2048x2048x", element,
                                          ">) { %r = graph.transpose %a by [1, 0] : tensor<2048x2048x", element,
                                          "> -> tensor<2048x2048x", element, "> return }");
    const std::string ptx = Kernels(text).Compile("sm_80").ptx;
    EXPECT_THAT(ptx, testing::ContainsRegex("ld\\.global\\.nc\\.[bu]32")) << element;
    EXPECT_THAT(ptx, testing::ContainsRegex("st\\.global\\.[bu]32")) << element;
    EXPECT_THAT(ptx, testing::ContainsRegex("ld\\.shared\\.[bu]32")) << element;
    EXPECT_THAT(ptx, Not(testing::ContainsRegex("(ld|st)\\.(global|shared)[a-z.]*\\.[bu](8|16)"))) << element;
    // Addresses that are told to be multiples of 2 alone.
    EXPECT_THAT(Kernels(text).Compile("sm_80", false, {2, 16}).ptx,
                Not(testing::ContainsRegex("ld\\.global\\.nc\\.[bu]32")));
  }
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

// With any one barrier taken out some order of the threads gives another result, or none.
TEST(Emulator, EveryBarrierIsNeeded) {
  const std::vector<std::pair<std::string, std::vector<int64_t>>> cases = {
      {"func.func @f(%a: tensor<40x50xf32>) { %r = graph.transpose %a by [1, 0] : tensor<40x50xf32> -> "
       "tensor<50x40xf32> return }",
       {8000, 8000}},
      {"func.func @f(%a: tensor<2x3000xf32>) { %r = graph.softmax %a {axis = 1 : i64, log = false} : "
       "tensor<2x3000xf32> -> tensor<2x3000xf32> return }",
       {24000, 24000}},
      {"func.func @f(%a: tensor<70x40xf32>) { %r = graph.softmax %a {axis = 0 : i64, log = false} : tensor<70x40xf32> "
       "-> tensor<70x40xf32> return }",
       {11200, 11200}}};
  int barriers = 0;
  for (const auto& [text, bytes] : cases) {
    Kernels one(text);
    const CudaCode code = one.Compile("sm_80", /*keep_bitcode=*/true);
    std::vector<std::vector<float>> memory;
    std::vector<void*> buffers;
    for (int64_t n : bytes) memory.emplace_back(n / 4);
    for (size_t i = 0; i < memory[0].size(); ++i) memory[0][i] = static_cast<float>(i % 101) / 50;
    for (auto& buffer : memory) buffers.push_back(buffer.data());
    auto run = [&](EmulatedCuda& device, uint64_t seed) -> std::vector<float> {
      std::fill(memory[1].begin(), memory[1].end(), -1.0f);
      const absl::Status status =
          device.Launch(one.kernels[0].symbol, one.kernels[0].blocks, one.kernels[0].threads, buffers, seed);
      return status.ok() ? memory[1] : std::vector<float>();
    };
    auto whole = EmulatedCuda::Load(code.bitcode);
    ASSERT_TRUE(whole.ok()) << whole.status();
    const std::vector<float> want = run(**whole, 1);
    EXPECT_EQ(run(**whole, 2), want);
    for (int number = 0;; ++number) {
      auto without = EmulatedCuda::LoadWithoutBarrier(code.bitcode, number);
      if (!without.ok()) {
        EXPECT_EQ(without.status().code(), absl::StatusCode::kOutOfRange);
        break;
      }
      ++barriers;
      bool noticed = false;
      for (uint64_t seed = 1; seed <= 4 && !noticed; ++seed) noticed = run(**without, seed) != want;
      EXPECT_TRUE(noticed) << "barrier " << number << " of\n" << text;
    }
  }
  EXPECT_EQ(barriers, 1 + 2 + 2);
}

TEST(Emulator, UnknownEntry) {
  Kernels one(Add("8xf32"));
  auto device = EmulatedCuda::Load(one.Compile("sm_80", true).bitcode);
  ASSERT_TRUE(device.ok());
  EXPECT_EQ((*device)->Launch("other", 1, 32, {}, 1).code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace plimsoll::codegen
