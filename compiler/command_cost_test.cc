#include "compiler/command_cost.h"

#include <gtest/gtest.h>

#include "compiler/codegen/cuda/cuda.h"

namespace plimsoll::compiler {
namespace {

const hardware::Gpu& A100() {
  plan::Target target;
  target.set_architecture("sm_80");
  return RepresentativeGpu(target);
}

plan::MemoryDesc Desc(plan::DataType type, std::initializer_list<int64_t> dims) {
  plan::MemoryDesc desc;
  desc.set_dtype(type);
  for (const int64_t dim : dims) desc.add_dims(dim);
  return desc;
}

constexpr double kScores = 2.0 * 8 * 32 * 4096 * 4096;   // flops of one product, for one element of a head

plan::LibraryOp AttentionOf(plan::DataType type, int64_t size) {
  plan::LibraryOp op;
  plan::Attention& attention = *op.mutable_attention();
  for (plan::MemoryDesc* desc : {attention.mutable_q(), attention.mutable_k(), attention.mutable_v(), attention.mutable_dst()})
    *desc = Desc(type, {8, 32, 4096, size});
  attention.set_scale(1);
  return op;
}
plan::LibraryOp GradientOf(plan::DataType type, int64_t size) {
  const plan::Attention attention = AttentionOf(type, size).attention();
  plan::LibraryOp op;
  plan::AttentionGradient& gradient = *op.mutable_attention_gradient();
  for (plan::MemoryDesc* desc : {gradient.mutable_q(), gradient.mutable_k(), gradient.mutable_v(), gradient.mutable_dst(),
                                 gradient.mutable_dst_gradient(), gradient.mutable_q_gradient(),
                                 gradient.mutable_k_gradient(), gradient.mutable_v_gradient()})
    *desc = attention.q();
  *gradient.mutable_stats() = Desc(plan::F32, {8, 32, 4096, 1});
  gradient.set_scale(1);
  return op;
}

// Seconds of the operation as a launch of its kernel.
double SecondsOf(const plan::LibraryOp& op, double flops, bool tf32 = false) {
  codegen::CudaTarget target = *codegen::ResolveCuda("sm_80");
  target.tf32 = tf32;
  codegen::CudaKernelCompiler compiler(target, codegen::FindCudaToolkit());
  const auto made = compiler.AddLibrary(op);
  EXPECT_TRUE(made.ok()) << made.status();
  CudaKernels::Kernel kernel;
  kernel.symbol = made->symbol;
  kernel.blocks = made->blocks;
  kernel.tensor_type = made->tensor_type;
  kernel.blocks_of_multiprocessor = made->blocks_of_multiprocessor;
  kernel.repetition = made->repetition;
  plan::Command command;
  command.set_flops(flops);
  command.mutable_launch()->set_symbol(kernel.symbol);
  for (const int64_t size : {made->blocks, int64_t{1}, int64_t{1}}) command.mutable_launch()->add_grid(size);
  for (const int size : {made->threads, 1, 1}) command.mutable_launch()->add_block(size);
  return CostOf(command, A100(), &kernel).seconds;
}

TEST(CommandCost, AttentionsKernelsAreCountedAsTheyCompute) {
  const double f32 = hardware::RateOf(A100(), hardware::Rate::VECTOR, "f32"),
               tf32 = hardware::RateOf(A100(), hardware::Rate::TENSOR, "tf32"),
               f16 = hardware::RateOf(A100(), hardware::Rate::TENSOR, "f16");
  constexpr double kAttention = 2 * 64 * kScores, kGradient = 5 * 64 * kScores, kLaunch = 1e-5;
  EXPECT_NEAR(SecondsOf(AttentionOf(plan::F32, 64), kAttention), kAttention / f32, kLaunch);
  EXPECT_NEAR(SecondsOf(AttentionOf(plan::F32, 64), kAttention, true), kAttention / tf32, kLaunch);
  EXPECT_NEAR(SecondsOf(AttentionOf(plan::F16, 64), kAttention), kAttention / f16, kLaunch);
  // Two blocks share the value's columns, and both compute the scores.
  EXPECT_NEAR(SecondsOf(AttentionOf(plan::BF16, 256), 4 * kAttention), 1.5 * 4 * kAttention / f16, kLaunch);
  // Seven products instead of five; eight where dk and dv are different blocks'.
  EXPECT_NEAR(SecondsOf(GradientOf(plan::F32, 64), kGradient), 1.4 * kGradient / f32, kLaunch);
  EXPECT_NEAR(SecondsOf(GradientOf(plan::F32, 64), kGradient, true), 1.4 * kGradient / tf32, kLaunch);
  EXPECT_NEAR(SecondsOf(GradientOf(plan::F16, 128), 2 * kGradient), 1.4 * 2 * kGradient / f16, kLaunch);
  EXPECT_NEAR(SecondsOf(GradientOf(plan::BF16, 256), 4 * kGradient), 1.6 * 4 * kGradient / f16, kLaunch);
}

TEST(CommandCost, LibrariesAttentionIsCountedByItsType) {
  plan::Command command;
  command.set_flops(2 * 64 * kScores);
  *command.mutable_library_call()->mutable_op() = AttentionOf(plan::F16, 64);
  EXPECT_NEAR(CostOf(command, A100()).seconds,
              command.flops() / hardware::RateOf(A100(), hardware::Rate::TENSOR, "f16"), 1e-5);
  *command.mutable_library_call()->mutable_op() = GradientOf(plan::F32, 64);
  EXPECT_NEAR(CostOf(command, A100()).seconds,
              command.flops() / hardware::RateOf(A100(), hardware::Rate::VECTOR, "f32"), 1e-5);
}

}  // namespace
}  // namespace plimsoll::compiler
