// Generated kernels of pools and packed operands, on the emulator, against loops in double precision
// written here.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "absl/strings/str_join.h"
#include "compiler/codegen/cuda/library_testing.h"

namespace plimsoll::codegen {
namespace {

using testing::ElementsAre;

void CheckPool(const plan::Pool& pool) {
  const std::string what = pool.ShortDebugString();
  std::mt19937 random(3);
  plan::LibraryOp op;
  *op.mutable_pool() = pool;
  Operand src = RandomOperand(pool.src(), random), dst = RandomOperand(pool.dst(), random);
  LibraryKernelRun run(op);
  ASSERT_TRUE(run.status().ok()) << run.status() << what;
  EXPECT_THAT(run.kernel().skeletons, ElementsAre("pool"));
  const absl::Status status = run.Run({&src, &dst}, {1});
  ASSERT_TRUE(status.ok()) << status << what;
  const Dims src_strides = StridesOf(pool.src()), dst_strides = StridesOf(pool.dst()), dims = DimsOf(pool.dst());
  const Dims kernel(pool.kernel().begin(), pool.kernel().end());
  Dims at(dims.size(), 0);
  do {
    double most = -INFINITY, sum = 0;
    int inside = 0;
    Dims k(kernel.size(), 0);
    do {
      Dims from{at[0], at[1]};
      bool in = true;
      for (size_t i = 0; i < kernel.size(); ++i) {
        const int n = static_cast<int>(i);
        const int64_t p = at[i + 2] * (pool.strides().empty() ? 1 : pool.strides(n)) -
                          (pool.pads_begin().empty() ? 0 : pool.pads_begin(n)) +
                          k[i] * (pool.dilations().empty() ? 1 : pool.dilations(n));
        in &= p >= 0 && p < pool.src().dims(n + 2);
        from.push_back(p);
      }
      if (!in) continue;
      const double value = src.at(Place(src_strides, from));
      most = std::max(most, value);
      sum += value;
      ++inside;
    } while (Next(k, kernel));
    if (inside == 0) continue;
    const double want = pool.kind() == plan::Pool::MAX                       ? most
                        : pool.kind() == plan::Pool::AVERAGE_INCLUDE_PADDING ? sum / static_cast<double>(Count(kernel))
                                                                             : sum / inside;
    const double tolerance =
        pool.kind() == plan::Pool::MAX ? 0 : 2 * Epsilon(dst.type) + (dst.type == plan::F64 ? 1e-14 : 1e-6);
    ASSERT_NEAR(dst.at(Place(dst_strides, at)), want, tolerance) << what << " at " << absl::StrJoin(at, ",");
  } while (Next(at, dims));
}

plan::Pool Pool(plan::Pool::Kind kind, plan::DataType type, const Dims& image, int64_t channels, const Dims& kernel,
                int64_t stride, int64_t dilation, int64_t begin, int64_t end, bool channels_last) {
  plan::Pool pool;
  pool.set_kind(kind);
  Dims src{2, channels}, dst{2, channels};
  for (size_t i = 0; i < image.size(); ++i) {
    pool.add_kernel(kernel[i]);
    pool.add_strides(stride);
    pool.add_dilations(dilation);
    pool.add_pads_begin(begin);
    pool.add_pads_end(end);
    src.push_back(image[i]);
    dst.push_back((image[i] + begin + end - (kernel[i] - 1) * dilation - 1) / stride + 1);
  }
  SetDesc(pool.mutable_src(), type, src, ImageStrides(src, channels_last));
  SetDesc(pool.mutable_dst(), type, dst, ImageStrides(dst, channels_last));
  return pool;
}

TEST(Pool, KindsStridesDilationsAndPads) {
  for (plan::Pool::Kind kind :
       {plan::Pool::MAX, plan::Pool::AVERAGE_INCLUDE_PADDING, plan::Pool::AVERAGE_EXCLUDE_PADDING})
    for (bool channels_last : {false, true})
      for (int64_t dilation : {1, 2})
        for (int64_t end : {0, 2}) {  // a pad at the end reaches further, as in ceil mode
          CheckPool(Pool(kind, plan::F32, {9, 10}, 12, {3, 2}, 2, dilation, 1, end, channels_last));
          CheckPool(Pool(kind, plan::F16, {17}, 5, {4}, 1, dilation, 0, end, channels_last));
        }
}

TEST(Pool, GlobalAndLarge) {
  for (bool channels_last : {false, true}) {
    CheckPool(Pool(plan::Pool::AVERAGE_EXCLUDE_PADDING, plan::F32, {14, 15}, 16, {14, 15}, 1, 1, 0, 0, channels_last));
    CheckPool(Pool(plan::Pool::MAX, plan::BF16, {7, 8, 9}, 8, {2, 3, 2}, 2, 1, 1, 1, channels_last));
    CheckPool(Pool(plan::Pool::MAX, plan::F32, {20, 20}, 8, {1, 1}, 2, 1, 0, 0, channels_last));
  }
}

TEST(Pool, ElementTypes) {
  for (plan::DataType type :
       {plan::F64, plan::F16, plan::BF16, plan::F8E4M3FN, plan::I8, plan::U8, plan::I32, plan::I64})
    CheckPool(Pool(plan::Pool::MAX, type, {9, 10}, 8, {3, 3}, 2, 1, 1, 1, type == plan::I8));
  for (plan::DataType type : {plan::F64, plan::F16, plan::BF16})
    CheckPool(Pool(plan::Pool::AVERAGE_INCLUDE_PADDING, type, {9, 10}, 8, {3, 3}, 2, 1, 1, 1, true));
  plan::LibraryOp op;
  *op.mutable_pool() = Pool(plan::Pool::AVERAGE_INCLUDE_PADDING, plan::I8, {9, 10}, 8, {3, 3}, 2, 1, 1, 1, true);
  EXPECT_EQ(LibraryKernelRun(op).status().code(), absl::StatusCode::kUnimplemented);
  op.mutable_pool()->set_kernel(0, 0);
  EXPECT_EQ(LibraryKernelRun(op).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(Pack, CopiesToTheStridesThatTheTargetWants) {
  for (plan::DataType type : {plan::I8, plan::F16, plan::F32, plan::F64}) {
    plan::LibraryOp op;
    plan::Pack& pack = *op.mutable_pack();
    SetDesc(pack.mutable_from(), type, {3, 37, 40});
    SetDesc(pack.mutable_target()->mutable_matmul()->mutable_b(), type, {3, 37, 40}, {1600, 1, 40});
    pack.set_operand(1);
    std::mt19937 random(1);
    Operand from = RandomOperand(type, 3 * 37 * 40, random), to = RandomOperand(type, 3 * 1600, random);
    const Operand before = to;
    LibraryKernelRun run(op);
    ASSERT_TRUE(run.status().ok()) << run.status();
    ASSERT_TRUE(run.Run({&from, &to}, {1}).ok());
    for (int64_t b = 0; b < 3; ++b)
      for (int64_t j = 0; j < 40; ++j)
        for (int64_t i = 0; i < 40; ++i)  // what lies between the strides stays
          ASSERT_EQ(to.at(b * 1600 + j * 40 + i),
                    i < 37 ? from.at((b * 37 + i) * 40 + j) : before.at(b * 1600 + j * 40 + i));
  }
  plan::LibraryOp op;
  SetDesc(op.mutable_pack()->mutable_from(), plan::F32, {4, 4});
  SetDesc(op.mutable_pack()->mutable_target()->mutable_matmul()->mutable_b(), plan::F32, {4, 4});
  op.mutable_pack()->mutable_target()->mutable_matmul()->mutable_b()->set_packed_bytes(64);
  op.mutable_pack()->set_operand(1);
  EXPECT_EQ(LibraryKernelRun(op).status().code(), absl::StatusCode::kUnimplemented);
}

// A convolution's weights with the channels last.
TEST(Pack, WeightsOfConvolutions) {
  plan::LibraryOp op;
  plan::Pack& pack = *op.mutable_pack();
  SetDesc(pack.mutable_from(), plan::F16, {8, 6, 3, 2});
  SetDesc(pack.mutable_target()->mutable_convolution()->mutable_weights(), plan::F16, {8, 6, 3, 2}, {36, 1, 12, 6});
  pack.set_operand(1);
  std::mt19937 random(1);
  Operand from = RandomOperand(plan::F16, 288, random), to = RandomOperand(plan::F16, 288, random);
  LibraryKernelRun run(op);
  ASSERT_TRUE(run.status().ok()) << run.status();
  ASSERT_TRUE(run.Run({&from, &to}, {1}).ok());
  for (int64_t o = 0; o < 8; ++o)
    for (int64_t i = 0; i < 6; ++i)
      for (int64_t s = 0; s < 6; ++s) ASSERT_EQ(to.at((o * 6 + s) * 6 + i), from.at((o * 6 + i) * 6 + s));
  pack.mutable_target()->mutable_convolution()->mutable_weights()->set_packed_bytes(576);
  EXPECT_EQ(LibraryKernelRun(op).status().code(), absl::StatusCode::kUnimplemented);
}

}  // namespace
}  // namespace plimsoll::codegen
