// Generated PTX: which skeletons and accesses it takes.
#include "compiler/codegen/cuda/cuda.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "compiler/codegen/cuda/emulator/emulator.h"
#include "compiler/codegen/cuda/kernels_testing.h"

namespace plimsoll::codegen {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

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
