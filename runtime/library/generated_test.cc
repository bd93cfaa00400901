// Which operations generated kernels answer for, where no library does.
#include "runtime/library/generated.h"

#include "gtest/gtest.h"
#include "runtime/library/library.h"
#include "runtime/library/testing/operation.h"

namespace plimsoll::runtime {
namespace {

plan::LibraryOp Gradient(plan::DataType type, int64_t size) {
  plan::LibraryOp op;
  plan::AttentionGradient& gradient = *op.mutable_attention_gradient();
  const std::vector<int64_t> q = {2, 4, 32, size}, k = {2, 2, 48, size};
  for (plan::MemoryDesc* desc :
       {gradient.mutable_q(), gradient.mutable_dst(), gradient.mutable_dst_gradient(), gradient.mutable_q_gradient()})
    SetDesc(desc, type, q);
  for (plan::MemoryDesc* desc :
       {gradient.mutable_k(), gradient.mutable_v(), gradient.mutable_k_gradient(), gradient.mutable_v_gradient()})
    SetDesc(desc, type, k);
  SetDesc(gradient.mutable_stats(), plan::F32, {2, 4, 32, 1});
  gradient.set_scale(0.125f);
  return op;
}

absl::StatusOr<Requirements> Ask(const plan::LibraryOp& op, const char* architecture = "sm_80") {
  plan::Target target;
  target.set_kind(plan::Target::CUDA);
  target.set_architecture(architecture);
  return Query(op, target);
}

TEST(Generated, AttentionsGradientWhereTheKernelsComputeIt) {
  for (const plan::DataType type : {plan::F32, plan::F16, plan::BF16}) {
    for (const int64_t size : {1, 64, 256}) {
      for (const char* architecture : {"sm_75", "sm_90"}) {
        const absl::StatusOr<Requirements> needs = Ask(Gradient(type, size), architecture);
        ASSERT_TRUE(needs.ok()) << needs.status();
        EXPECT_EQ(needs->workspace_bytes, 0);
        EXPECT_TRUE(needs->packed.empty());
      }
    }
  }
  EXPECT_EQ(Ask(Gradient(plan::F32, 257)).status().code(), absl::StatusCode::kUnimplemented);
  EXPECT_EQ(Ask(Gradient(plan::F64, 64)).status().code(), absl::StatusCode::kUnimplemented);
  plan::LibraryOp masked = Gradient(plan::F16, 64);
  SetDesc(masked.mutable_attention_gradient()->mutable_mask(), plan::F32, {1, 1, 32, 48});
  EXPECT_TRUE(Ask(masked).ok());
  masked.mutable_attention_gradient()->mutable_mask()->set_dtype(plan::BOOL);
  EXPECT_EQ(Ask(masked).status().code(), absl::StatusCode::kUnimplemented);
  plan::LibraryOp flat = Gradient(plan::F32, 64);
  flat.mutable_attention_gradient()->mutable_v()->clear_dims();
  EXPECT_EQ(Ask(flat).status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace plimsoll::runtime
