// The rules: what goes to the library in which form, and what is refused.
#include "runtime/library/cublaslt/gemm.h"

#include <functional>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "runtime/library/library.h"
#include "runtime/library/nvidia/testing/device_tensor.h"

namespace plimsoll::runtime::cublaslt {
namespace {

using nvidia::CudaTarget;

plan::LibraryOp Product(plan::DataType type, const Dims& a, const Dims& b, const Dims& dst) {
  plan::LibraryOp op;
  SetDesc(op.mutable_matmul()->mutable_a(), type, a);
  SetDesc(op.mutable_matmul()->mutable_b(), type, b);
  SetDesc(op.mutable_matmul()->mutable_dst(), type, dst);
  return op;
}

Gemm Taken(const plan::LibraryOp& op, const char* architecture = "sm_80") {
  absl::StatusOr<Gemm> gemm = GemmOf(op, CudaTarget(architecture));
  EXPECT_TRUE(gemm.ok()) << gemm.status();
  return gemm.ok() ? *gemm : Gemm();
}

TEST(GemmTest, RowMajorMatricesAreExchanged) {
  const Gemm gemm = Taken(Product(plan::F32, {5, 7}, {7, 9}, {5, 9}));
  EXPECT_EQ(gemm.a.operand, 1);
  EXPECT_EQ(gemm.b.operand, 0);
  EXPECT_EQ(gemm.d.operand, 2);
  EXPECT_FALSE(gemm.transpose_a || gemm.transpose_b);
  EXPECT_EQ(gemm.d.rows, 9);
  EXPECT_EQ(gemm.d.columns, 5);
  EXPECT_EQ(gemm.a.leading, 9);
  EXPECT_EQ(gemm.b.leading, 7);
  EXPECT_EQ(gemm.inner, 7);
  EXPECT_EQ(gemm.batch, 1);
}

TEST(GemmTest, BatchesWithOneWeightBecomeRows) {
  const Gemm gemm = Taken(Product(plan::F16, {4, 3, 5, 7}, {7, 9}, {4, 3, 5, 9}));
  EXPECT_EQ(gemm.batch, 1);
  EXPECT_EQ(gemm.d.columns, 4 * 3 * 5);
}

TEST(GemmTest, HeadsThatShareKeysBecomeRows) {
  // Grouped queries: [batch, key heads, queries a key head, 1, K] x [batch, key heads, 1, K, N].
  const Gemm gemm = Taken(Product(plan::F16, {2, 8, 4, 1, 64}, {2, 8, 1, 64, 100}, {2, 8, 4, 1, 100}));
  EXPECT_EQ(gemm.batch, 16);
  EXPECT_EQ(gemm.d.columns, 4);
  EXPECT_EQ(gemm.a.batch_stride, 6400);
}

TEST(GemmTest, ABroadcastBatchHasStrideZero) {
  const Gemm gemm = Taken(Product(plan::F32, {1, 5, 7}, {6, 7, 9}, {6, 5, 9}));
  EXPECT_EQ(gemm.batch, 6);
  EXPECT_EQ(gemm.b.batch_stride, 0);
  EXPECT_EQ(gemm.a.batch_stride, 63);
  EXPECT_EQ(gemm.d.batch_stride, 45);
}

TEST(GemmTest, SmallProductsNeedNoWorkspaceAndLargeOnesTheArchitecturesCap) {
  constexpr int64_t kSlack = 240, kMiB = 1 << 20;
  EXPECT_EQ(Taken(Product(plan::F16, {512, 128}, {128, 4096}, {512, 4096})).workspace_bytes, 0);
  EXPECT_EQ(Taken(Product(plan::F16, {512, 4096}, {4096, 4096}, {512, 4096})).workspace_bytes, 4 * kMiB + kSlack);
  EXPECT_EQ(Taken(Product(plan::F16, {512, 4096}, {4096, 4096}, {512, 4096}), "sm_90").workspace_bytes,
            32 * kMiB + kSlack);
  EXPECT_EQ(Taken(Product(plan::F16, {1, 4096}, {4096, 4096}, {1, 4096}), "sm_90").workspace_bytes,
            32 * 4096 * 4 + kSlack);
}

struct Refusal {
  const char* name;
  absl::StatusCode code;
  std::function<void(plan::LibraryOp&)> change;
};

TEST(GemmTest, RefusesWhatTheLibraryCannotDo) {
  const absl::StatusCode kNo = absl::StatusCode::kUnimplemented, kWrong = absl::StatusCode::kInvalidArgument;
  auto post = [](const char* function) {
    return [=](plan::LibraryOp& op) { op.mutable_matmul()->add_post_ops()->set_function(function); };
  };
  auto type = [](plan::DataType dtype) {
    return [=](plan::LibraryOp& op) {
      for (plan::MemoryDesc* desc : {op.mutable_matmul()->mutable_a(), op.mutable_matmul()->mutable_b()})
        desc->set_dtype(dtype);
    };
  };
  const Refusal refusals[] = {
      {"erf gelu", kNo, post("gelu_erf")},
      {"silu", kNo, post("silu")},
      {"relu before a sum", kNo,
       [&](plan::LibraryOp& op) {
         post("relu")(op);
         op.mutable_matmul()->add_post_ops()->set_kind(plan::PostOp::SUM);
       }},
      {"two activations", kNo,
       [&](plan::LibraryOp& op) {
         post("relu")(op);
         post("relu")(op);
       }},
      {"a factor", kNo,
       [](plan::LibraryOp& op) {
         plan::PostOp& factor = *op.mutable_matmul()->add_post_ops();
         factor.set_kind(plan::PostOp::BINARY);
         factor.set_function("mul");
         *factor.mutable_operand() = op.matmul().dst();
       }},
      {"integers", kNo, type(plan::I8)},
      {"8-bit floats", kNo, type(plan::F8E4M3FN)},
      {"f64 to f32", kNo, type(plan::F64)},
      {"a zero point", kNo, [](plan::LibraryOp& op) { op.mutable_matmul()->set_has_a_zero_point(true); }},
      {"a bias of rows", kNo,
       [](plan::LibraryOp& op) { SetDesc(op.mutable_matmul()->mutable_bias(), plan::F32, {5, 1}); }},
      {"a bias of everything", kNo,
       [](plan::LibraryOp& op) { SetDesc(op.mutable_matmul()->mutable_bias(), plan::F32, {5, 9}); }},
      {"one bias", kNo, [](plan::LibraryOp& op) { SetDesc(op.mutable_matmul()->mutable_bias(), plan::F32, {1}); }},
      {"a bias of another type", kNo,
       [](plan::LibraryOp& op) { SetDesc(op.mutable_matmul()->mutable_bias(), plan::F16, {9}); }},
      {"nothing contiguous", kNo,
       [](plan::LibraryOp& op) {
         for (int64_t stride : {22, 3}) op.mutable_matmul()->mutable_a()->add_strides(stride);
       }},
      {"overlapping rows", kNo,
       [](plan::LibraryOp& op) {
         for (int64_t stride : {3, 1}) op.mutable_matmul()->mutable_dst()->add_strides(stride);
       }},
      {"an inner dimension of nothing", kNo,
       [](plan::LibraryOp& op) {
         op.mutable_matmul()->mutable_a()->set_dims(1, 0);
         op.mutable_matmul()->mutable_b()->set_dims(0, 0);
       }},
      {"inner dimensions that differ", kWrong,
       [](plan::LibraryOp& op) { op.mutable_matmul()->mutable_b()->set_dims(0, 8); }},
      {"a negative dimension", kWrong, [](plan::LibraryOp& op) { op.mutable_matmul()->mutable_a()->set_dims(0, -5); }},
      {"a negative stride", kWrong,
       [](plan::LibraryOp& op) {
         for (int64_t stride : {-7, 1}) op.mutable_matmul()->mutable_a()->add_strides(stride);
       }},
      {"one stride", kWrong, [](plan::LibraryOp& op) { op.mutable_matmul()->mutable_a()->add_strides(1); }},
      {"sizes beyond counting", kWrong,
       [](plan::LibraryOp& op) {
         for (plan::MemoryDesc* desc : {op.mutable_matmul()->mutable_a(), op.mutable_matmul()->mutable_dst()}) {
           desc->set_dims(0, int64_t{1} << 61);
         }
       }},
      {"a vector", kWrong, [](plan::LibraryOp& op) { op.mutable_matmul()->mutable_a()->mutable_dims()->RemoveLast(); }},
      {"packed weights", kWrong, [](plan::LibraryOp& op) { op.mutable_matmul()->mutable_b()->set_packed_bytes(64); }},
      {"a pooling", kNo, [](plan::LibraryOp& op) { op.mutable_pool(); }},
  };
  for (const Refusal& refusal : refusals) {
    plan::LibraryOp op = Product(plan::F32, {5, 7}, {7, 9}, {5, 9});
    Taken(op);
    refusal.change(op);
    EXPECT_EQ(GemmOf(op, CudaTarget()).status().code(), refusal.code) << refusal.name;
    EXPECT_EQ(LibraryFor(op, CudaTarget()), "") << refusal.name;
  }
}

TEST(GemmTest, LayoutsThatNoSingleCallHasAreRefused) {
  // a and b are broadcast along a batch dim each.
  EXPECT_EQ(GemmOf(Product(plan::F32, {3, 1, 5, 7}, {1, 2, 7, 9}, {3, 2, 5, 9}), CudaTarget()).status().code(),
            absl::StatusCode::kUnimplemented);
  const plan::LibraryOp bf16 = Product(plan::BF16, {5, 7}, {7, 9}, {5, 9});
  EXPECT_EQ(LibraryFor(bf16, CudaTarget("sm_75")), "");
  EXPECT_EQ(LibraryFor(bf16, CudaTarget("sm_80")), "cublaslt");
  EXPECT_EQ(GemmOf(bf16, CudaTarget("gfx90a")).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(GemmOf(bf16, CudaTarget("")).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(GemmTest, OnTheCpuNothingChanges) {
  plan::LibraryOp op = Product(plan::F32, {5, 7}, {7, 9}, {5, 9});
  EXPECT_EQ(LibraryFor(op, TestTarget()), "onednn");
  op.set_library("cublaslt");
  EXPECT_EQ(Query(op, TestTarget()).status().code(), absl::StatusCode::kUnimplemented);
  op.set_library("onednn");
  EXPECT_EQ(Query(op, CudaTarget()).status().code(), absl::StatusCode::kUnimplemented);
  EXPECT_EQ(Prepare(op, CudaTarget()).status().code(), absl::StatusCode::kUnimplemented);
}

}  // namespace
}  // namespace plimsoll::runtime::cublaslt
