// What ptxas makes of the library operations' kernels: registers, spills, and what their inner loops hold.
#include <gmock/gmock.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "compiler/codegen/cuda/cuda.h"

namespace plimsoll::codegen {
namespace {

using testing::HasSubstr;
using testing::Not;

plan::LibraryOp Parse(const std::string& text) {
  plan::LibraryOp op;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &op)) << text;
  return op;
}
std::string Desc(const std::string& name, const std::string& type, const std::vector<int64_t>& dims,
                 const std::vector<int64_t>& strides = {}) {
  std::string text = absl::StrCat(name, " { dtype: ", type);
  for (int64_t dim : dims) absl::StrAppend(&text, " dims: ", dim);
  for (int64_t stride : strides) absl::StrAppend(&text, " strides: ", stride);
  return text + " } ";
}
std::string Matmul(const std::string& type, int64_t m, int64_t k, int64_t n, const std::string& more = "",
                   const std::vector<int64_t>& b_strides = {}, const std::string& result = "") {
  return absl::StrCat("matmul { ", Desc("a", type, {m, k}), Desc("b", type, {k, n}, b_strides),
                      Desc("dst", result.empty() ? type : result, {m, n}), more, "}");
}
std::string Convolution(const std::string& type, int64_t in, int64_t out, int64_t groups, int64_t kernel,
                        bool channels_last, const std::string& more = "") {
  const int64_t pad = kernel / 2, size = 56;
  auto strides = [&](int64_t c) {
    return channels_last ? std::vector<int64_t>{c * size * size, 1, c * size, c} : std::vector<int64_t>{};
  };
  return absl::StrCat("convolution { ", Desc("src", type, {4, in, size, size}, strides(in)),
                      Desc("weights", type, {out, in / groups, kernel, kernel}),
                      Desc("dst", type, {4, out, size, size}, strides(out)), "pads_begin: [", pad, ", ", pad,
                      "] pads_end: [", pad, ", ", pad, "] groups: ", groups, " ", more, "}");
}

std::string Attention(const std::string& type, int64_t queries, int64_t size, bool stats = false) {
  return absl::StrCat("attention { ", Desc("q", type, {2, 16, queries, size}), Desc("k", type, {2, 4, 1024, size}),
                      Desc("v", type, {2, 4, 1024, size}),
                      Desc("mask", size == 64 ? "F32" : type, {1, 1, queries, 1024}),
                      Desc("dst", type, {2, 16, queries, size}, {16 * queries * size, size, 16 * size, 1}),
                      stats ? Desc("stats", "F32", {2, 16, queries, 1}) : "", "scale: 0.125 }");
}
// `masked`: by each head's own mask, heads behind the sequence, an odd number of keys.
std::string AttentionGradient(const std::string& type, int64_t size, bool masked) {
  const int64_t keys = masked ? 1023 : 1024;
  const std::vector<int64_t> q{2, 16, 1024, size}, k{2, 4, keys, size};
  auto desc = [&](const char* name, const std::vector<int64_t>& dims) {
    return Desc(
        name, type, dims,
        masked ? std::vector<int64_t>{dims[1] * dims[2] * size, size, dims[1] * size, 1} : std::vector<int64_t>{});
  };
  return absl::StrCat("attention_gradient { ", desc("q", q), desc("k", k), desc("v", k),
                      masked ? Desc("mask", size == 64 ? "F32" : type, {2, 16, 1024, keys}) + "zero_if_nan: true " : "",
                      desc("dst", q), Desc("stats", "F32", {2, 16, 1024, 1}), desc("dst_gradient", q),
                      desc("q_gradient", q), desc("k_gradient", k), desc("v_gradient", k), "scale: 0.125 }");
}

// Every skeleton, the tiles and types that models take, post-ops of all weights.
std::vector<std::string> Representative() {
  const std::string chain =
      "post_ops { function: \"gelu_erf\" } post_ops { kind: BINARY function: \"add\" operand { dtype: $0 dims: 1 dims: "
      "1 } } ";
  std::vector<std::string> ops;
  for (const char* type : {"F32", "F16", "BF16", "F64"}) {
    for (int64_t size : {64, 512, 4096}) ops.push_back(Matmul(type, size, size, size));
    ops.push_back(Matmul(type, 4096, 1000, 4096, absl::StrReplaceAll(chain, {{"$0", type}}), {1, 1000}));
    ops.push_back(Matmul(type, 77, 333, 1001, "scale: 0.5 "));
    for (int64_t rows : {1, 4, 8}) {
      ops.push_back(Matmul(type, rows, 4096, 4096));
      ops.push_back(Matmul(type, rows, 4096, 4096, "", {1, 4096}));
    }
    for (bool channels_last : {false, true}) {
      for (int64_t kernel : {1, 3}) ops.push_back(Convolution(type, 64, 64, 1, kernel, channels_last));
      ops.push_back(Convolution(type, 64, 128, 1, 3, channels_last, "post_ops { function: \"mish\" }"));
      ops.push_back(Convolution(type, 64, 64, 64, 5, channels_last, "post_ops { function: \"hard_swish\" }"));
    }
    ops.push_back(absl::StrCat("pool { kind: MAX ", Desc("src", type, {8, 64, 112, 112}),
                               Desc("dst", type, {8, 64, 56, 56}),
                               "kernel: [3, 3] strides: [2, 2] pads_begin: [1, 1] pads_end: [1, 1] }"));
  }
  for (const char* type : {"F32", "F16", "BF16"})
    for (int64_t queries : {1, 1024})
      for (int64_t size : {64, 80, 128, 256}) ops.push_back(Attention(type, queries, size, queries == 1024));
  for (const char* type : {"F32", "F16", "BF16"})
    for (int64_t size : {64, 80, 128, 208, 256})
      for (bool masked : {false, true}) ops.push_back(AttentionGradient(type, size, masked));
  ops.push_back(Matmul("F8E4M3FN", 512, 512, 512));
  ops.push_back(Matmul("U8", 512, 512, 512,
                       "has_a_zero_point: true has_b_zero_point: true b_zero_point_per_column: true ", {}, "I32"));
  ops.push_back(Matmul("I64", 512, 512, 512));
  for (const char* cell : {"LSTM", "GRU", "LINEAR_BEFORE_RESET_GRU", "VANILLA_TANH", "VANILLA_RELU"})
    for (int64_t batch : {1, 500})
      ops.push_back(absl::StrCat("recurrent { cell: ", cell, " direction: \"bidirectional\" sequence: 100 batch: ",
                                 batch, " input_size: 128 hidden_size: 256 has_bias: true has_initial_h: true }"));
  ops.push_back(
      "recurrent { direction: \"forward\" sequence: 100 batch: 1 input_size: 128 hidden_size: 256 has_bias: true "
      "quantized: I8 }");
  ops.push_back(absl::StrCat("pack { ", Desc("from", "F16", {4096, 512}), "target { matmul { ",
                             Desc("b", "F16", {4096, 512}, {1, 4096}), " } } operand: 1 }"));
  return ops;
}

class Assembled : public testing::TestWithParam<std::pair<const char*, const char*>> {
 protected:
  // Text of the parameter's first, assembled for its second.
  static void Check(const std::vector<std::string>& ops, bool tf32) {
    const CudaToolkit toolkit = FindCudaToolkit();
    if (toolkit.ptxas.empty() || toolkit.libdevice.empty()) GTEST_SKIP() << "no CUDA toolkit";
    const auto [text, arch] = GetParam();
    CudaTarget target = *ResolveCuda(text);
    target.tf32 = tf32;
    CudaKernelCompiler compiler(target, toolkit);
    for (const std::string& op : ops) {
      auto kernel = compiler.AddLibrary(Parse(op));
      ASSERT_TRUE(kernel.ok()) << kernel.status() << op;
      EXPECT_GT(kernel->blocks, 0) << op;
    }
    auto code = compiler.Finish();
    ASSERT_TRUE(code.ok()) << code.status();
    EXPECT_THAT(code->ptx, Not(HasSubstr("plimsoll_device")));  // all of it inlined
    EXPECT_THAT(code->ptx, Not(HasSubstr(".global .align")));   // and the descriptions folded
    auto binary = Assemble(code->ptx, arch, toolkit);
    ASSERT_TRUE(binary.ok()) << binary.status();
    ASSERT_EQ(binary->resources.size(), ops.size());
    int most = 0;
    for (const CudaResources& kernel : binary->resources) {
      EXPECT_EQ(kernel.spill_bytes, 0) << kernel.symbol;
      // A warp has the queries and the sums of attention of 256 elements in its registers.
      EXPECT_LE(kernel.registers, absl::StrContains(kernel.symbol, "attention") ? 255 : 168) << kernel.symbol;
      EXPECT_LE(kernel.shared_bytes, 48 * 1024) << kernel.symbol;
      most = std::max(most, kernel.registers);
    }
    RecordProperty("kernels", static_cast<int>(ops.size()));
    RecordProperty("most_registers", most);
  }
};

TEST_P(Assembled, LibraryOperationsWithoutSpills) { Check(Representative(), false); }
TEST_P(Assembled, AttentionRoundedToTf32WithoutSpills) {
  Check({Attention("F32", 1024, 64), Attention("F32", 1024, 80), Attention("F32", 1024, 128)}, true);
}
TEST_P(Assembled, AttentionGradientRoundedToTf32WithoutSpills) {
  Check({AttentionGradient("F32", 64, true), AttentionGradient("F32", 80, true), AttentionGradient("F32", 80, false),
         AttentionGradient("F32", 128, false), AttentionGradient("F32", 128, true)},
        true);
}
INSTANTIATE_TEST_SUITE_P(Architectures, Assembled,
                         testing::Values(std::pair("sm_75", "sm_75"), std::pair("sm_80", "sm_80"),
                                         std::pair("sm_86", "sm_86"), std::pair("sm_89", "sm_89"),
                                         std::pair("sm_90", "sm_90"), std::pair("sm_100", "sm_100"),
                                         std::pair("sm_120", "sm_120")),
                         [](const auto& info) { return std::string(info.param.first); });

std::string Ptx(const std::string& op) {
  CudaKernelCompiler compiler(*ResolveCuda("sm_80"), FindCudaToolkit());
  EXPECT_TRUE(compiler.AddLibrary(Parse(op)).ok());
  auto code = compiler.Finish();
  EXPECT_TRUE(code.ok()) << code.status();
  return code.ok() ? code->ptx : "";
}

TEST(Accesses, OfSixteenBytes) {
  for (const std::string& op : {Matmul("F32", 512, 512, 512), Matmul("F16", 1, 4096, 4096, "", {1, 4096})}) {
    const std::string ptx = Ptx(op);
    EXPECT_THAT(ptx, HasSubstr("ld.global.nc.v4"));
    EXPECT_THAT(ptx, Not(HasSubstr("div.u64")));
    EXPECT_THAT(ptx, Not(HasSubstr("rem.u64")));
    EXPECT_THAT(ptx, Not(HasSubstr(".local")));
  }
}

}  // namespace
}  // namespace plimsoll::codegen
