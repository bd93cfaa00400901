// Products of matrices against loops written here.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "gtest/gtest.h"
#include "runtime/library/library.h"
#include "runtime/library/testing/operation.h"

namespace plimsoll::runtime {
namespace {

template <typename A, typename B, typename D>
std::vector<D> NaiveMatmul(const std::vector<A>& a, const std::vector<B>& b, const Dims& a_dims, const Dims& a_strides,
                           const Dims& b_dims, const Dims& b_strides, const Dims& dst, int a_zero = 0, int b_zero = 0) {
  std::vector<D> out(Count(dst));
  const size_t rank = dst.size();
  Dims index(rank);
  size_t at = 0;
  do {
    double sum = 0;
    Dims ai = index, bi = index;
    for (size_t i = 0; i + 2 < rank; ++i) {
      if (a_dims[i] == 1) ai[i] = 0;
      if (b_dims[i] == 1) bi[i] = 0;
    }
    for (int64_t k = 0; k < a_dims[rank - 1]; ++k) {
      ai[rank - 1] = k;
      bi[rank - 2] = k;
      sum +=
          (static_cast<double>(a[At(a_strides, ai)]) - a_zero) * (static_cast<double>(b[At(b_strides, bi)]) - b_zero);
    }
    out[at++] = static_cast<D>(sum);
  } while (Next(index, dst));
  return out;
}

TEST(MatmulTest, MultipliesBatchesThatBroadcast) {
  const Dims a{3, 1, 5, 7}, b{1, 2, 7, 9}, dst{3, 2, 5, 9};
  const auto x = Random<float>(Count(a), 1), y = Random<float>(Count(b), 2);
  std::vector<float> out(Count(dst));
  plan::LibraryOp op;
  SetDesc(op.mutable_matmul()->mutable_a(), plan::F32, a);
  SetDesc(op.mutable_matmul()->mutable_b(), plan::F32, b);
  SetDesc(op.mutable_matmul()->mutable_dst(), plan::F32, dst);
  EXPECT_OK(Execute(op, {(void*)x.data(), (void*)y.data(), out.data()}));
  ExpectNear(out, NaiveMatmul<float, float, float>(x, y, a, Dense(a), b, Dense(b), dst));
}

TEST(MatmulTest, ReadsTransposedAndPaddedStrides) {
  const Dims a{2, 5, 7}, b{2, 7, 9}, dst{2, 5, 9};
  const Dims a_strides{44, 1, 6}, b_strides{80, 1, 8};
  const auto x = Random<float>(100, 1), y = Random<float>(200, 2);
  std::vector<float> out(Count(dst));
  plan::LibraryOp op;
  SetDesc(op.mutable_matmul()->mutable_a(), plan::F32, a, a_strides);
  SetDesc(op.mutable_matmul()->mutable_b(), plan::F32, b, b_strides);
  SetDesc(op.mutable_matmul()->mutable_dst(), plan::F32, dst);
  EXPECT_OK(Execute(op, {(void*)x.data(), (void*)y.data(), out.data()}));
  ExpectNear(out, NaiveMatmul<float, float, float>(x, y, a, a_strides, b, b_strides, dst));
}

TEST(MatmulTest, AppliesScaleBiasAndPostOpsInOrder) {
  const Dims a{6, 8}, b{8, 10}, dst{6, 10};
  const auto x = Random<float>(Count(a), 1), y = Random<float>(Count(b), 2), residual = Random<float>(Count(dst), 4);
  for (const Dims& bias_dims : {Dims{10}, Dims{6, 1}, Dims{1, 1}, Dims{6, 10}}) {
    for (float scale : {0.0f, 0.5f}) {
      const auto bias = Random<float>(Count(bias_dims), 3);
      std::vector<float> out(Count(dst), 0.25f);
      plan::LibraryOp op;
      plan::Matmul& m = *op.mutable_matmul();
      SetDesc(m.mutable_a(), plan::F32, a);
      SetDesc(m.mutable_b(), plan::F32, b);
      SetDesc(m.mutable_bias(), plan::F32, bias_dims);
      SetDesc(m.mutable_dst(), plan::F32, dst);
      m.set_scale(scale);
      plan::PostOp* post = m.add_post_ops();
      post->set_kind(plan::PostOp::BINARY);
      post->set_function("mul");
      SetDesc(post->mutable_operand(), plan::F32, dst);
      post = m.add_post_ops();
      post->set_kind(plan::PostOp::ELTWISE);
      post->set_function("relu");
      EXPECT_OK(
          Execute(op, {(void*)x.data(), (void*)y.data(), (void*)bias.data(), (void*)residual.data(), out.data()}));
      auto want = NaiveMatmul<float, float, float>(x, y, a, Dense(a), b, Dense(b), dst);
      for (int i = 0; i < 60; ++i) {
        const Dims full = bias_dims.size() == 1 ? Dims{1, 10} : bias_dims;
        const int64_t at = (full[0] > 1 ? i / 10 * full[1] : 0) + (full[1] > 1 ? i % 10 : 0);
        want[i] = std::max(0.0f, (want[i] * (scale == 0 ? 1 : scale) + bias[at]) * residual[i]);
      }
      ExpectNear(out, want);
    }
  }
}

TEST(MatmulTest, SumAddsToWhatTheDestinationHeld) {
  const Dims a{3, 4}, b{4, 5}, dst{3, 5};
  const auto x = Random<float>(12, 1), y = Random<float>(20, 2);
  std::vector<float> out = Random<float>(15, 3), before = out;
  plan::LibraryOp op;
  SetDesc(op.mutable_matmul()->mutable_a(), plan::F32, a);
  SetDesc(op.mutable_matmul()->mutable_b(), plan::F32, b);
  SetDesc(op.mutable_matmul()->mutable_dst(), plan::F32, dst);
  op.mutable_matmul()->add_post_ops()->set_kind(plan::PostOp::SUM);
  EXPECT_OK(Execute(op, {(void*)x.data(), (void*)y.data(), out.data()}));
  auto want = NaiveMatmul<float, float, float>(x, y, a, Dense(a), b, Dense(b), dst);
  for (int i = 0; i < 15; ++i) want[i] += before[i];
  ExpectNear(out, want);
}

template <typename A, typename B>
void CheckIntegerMatmul(plan::DataType a_type, plan::DataType b_type) {
  const Dims a{2, 5, 300}, b{300, 9}, dst{2, 5, 9};
  const auto x = Random<A>(Count(a), 1, std::is_signed_v<A> ? -128 : 0, std::is_signed_v<A> ? 127 : 255);
  const auto y = Random<B>(Count(b), 2, std::is_signed_v<B> ? -128 : 0, std::is_signed_v<B> ? 127 : 255);
  A a_zero = 7;
  B b_zero = static_cast<B>(std::is_signed_v<B> ? -3 : 131);
  std::vector<int32_t> out(Count(dst), -1);
  plan::LibraryOp op;
  plan::Matmul& m = *op.mutable_matmul();
  SetDesc(m.mutable_a(), a_type, a);
  SetDesc(m.mutable_b(), b_type, b);
  SetDesc(m.mutable_dst(), plan::I32, dst);
  m.set_has_a_zero_point(true);
  m.set_has_b_zero_point(true);
  EXPECT_OK(Execute(op, {(void*)x.data(), (void*)y.data(), &a_zero, &b_zero, out.data()}));
  const auto want = NaiveMatmul<A, B, int32_t>(x, y, a, Dense(a), {1, 300, 9}, {0, 9, 1}, dst, a_zero, b_zero);
  EXPECT_EQ(out, want);
}

TEST(MatmulTest, IntegersAreExactForAllFourTypePairs) {
  CheckIntegerMatmul<uint8_t, int8_t>(plan::U8, plan::I8);
  CheckIntegerMatmul<int8_t, int8_t>(plan::I8, plan::I8);
  CheckIntegerMatmul<uint8_t, uint8_t>(plan::U8, plan::U8);
  CheckIntegerMatmul<int8_t, uint8_t>(plan::I8, plan::U8);
}

TEST(MatmulTest, IntegerZeroPointsMayDifferByRowAndColumn) {
  const int64_t m = 4, k = 37, n = 6;
  const auto x = Random<uint8_t>(2 * m * k, 1, 0, 255);
  const auto y = Random<int8_t>(k * n, 2, -128, 127);
  const auto x_zero = Random<uint8_t>(m, 3, 0, 255);
  const auto y_zero = Random<int8_t>(n, 4, -128, 127);
  std::vector<int32_t> out(2 * m * n, -1), want(2 * m * n, 0);
  for (int64_t b = 0; b < 2; ++b) {
    for (int64_t i = 0; i < m; ++i) {
      for (int64_t j = 0; j < n; ++j) {
        for (int64_t l = 0; l < k; ++l)
          want[(b * m + i) * n + j] += (x[(b * m + i) * k + l] - x_zero[i]) * (y[l * n + j] - y_zero[j]);
      }
    }
  }
  plan::LibraryOp op;
  plan::Matmul& matmul = *op.mutable_matmul();
  SetDesc(matmul.mutable_a(), plan::U8, {2, m, k});
  SetDesc(matmul.mutable_b(), plan::I8, {k, n});
  SetDesc(matmul.mutable_dst(), plan::I32, {2, m, n});
  matmul.set_has_a_zero_point(true);
  matmul.set_a_zero_point_per_row(true);
  matmul.set_has_b_zero_point(true);
  matmul.set_b_zero_point_per_column(true);
  EXPECT_OK(Execute(op, {(void*)x.data(), (void*)y.data(), (void*)x_zero.data(), (void*)y_zero.data(), out.data()}));
  EXPECT_EQ(out, want);
}

TEST(MatmulTest, RefusesTypesThatTheLibraryLacks) {
  plan::LibraryOp op;
  op.set_library("onednn");
  SetDesc(op.mutable_matmul()->mutable_a(), plan::F64, {3, 4});
  SetDesc(op.mutable_matmul()->mutable_b(), plan::F64, {4, 5});
  SetDesc(op.mutable_matmul()->mutable_dst(), plan::F64, {3, 5});
  EXPECT_EQ(Query(op, TestTarget()).status().code(), absl::StatusCode::kUnimplemented);
  op.mutable_matmul()->mutable_a()->set_dtype(plan::F16);
  op.mutable_matmul()->mutable_b()->set_dtype(plan::F16);
  op.mutable_matmul()->mutable_dst()->set_dtype(plan::F16);
  EXPECT_EQ(Query(op, TestTarget()).status().code(), absl::StatusCode::kUnimplemented);
}

TEST(MatmulTest, AnotherInstructionSetInOneProcessIsRefused) {
  plan::LibraryOp op;
  op.set_library("onednn");
  SetDesc(op.mutable_matmul()->mutable_a(), plan::F32, {3, 4});
  SetDesc(op.mutable_matmul()->mutable_b(), plan::F32, {4, 5});
  SetDesc(op.mutable_matmul()->mutable_dst(), plan::F32, {3, 5});
  ASSERT_TRUE(Query(op, TestTarget()).ok());
  plan::Target other = TestTarget();
  other.set_library_isa("SSE41");
  EXPECT_EQ(Query(op, other).status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST(MatmulTest, PackedWeightsGiveTheSameResult) {
  const Dims a{33, 70}, b{70, 50}, dst{33, 50};
  const auto x = Random<float>(Count(a), 1), y = Random<float>(Count(b), 2);
  for (const Dims& strides : {Dense(b), Dims{1, 70}}) {
    std::vector<float> out(Count(dst));
    plan::LibraryOp op;
    SetDesc(op.mutable_matmul()->mutable_a(), plan::F32, a);
    SetDesc(op.mutable_matmul()->mutable_b(), plan::F32, b, strides);
    SetDesc(op.mutable_matmul()->mutable_dst(), plan::F32, dst);
    const std::vector<char> packed = PackWeights(op, op.mutable_matmul()->mutable_b(), y.data());
    const void* weights = packed.empty() ? static_cast<const void*>(y.data()) : packed.data();
    EXPECT_OK(Execute(op, {(void*)x.data(), const_cast<void*>(weights), out.data()}));
    ExpectNear(out, NaiveMatmul<float, float, float>(x, y, a, Dense(a), b, strides, dst));
  }
}

TEST(MatmulTest, PackedSizeOfAnotherCpuIsRefused) {
  plan::LibraryOp op;
  op.set_library("onednn");
  SetDesc(op.mutable_matmul()->mutable_a(), plan::F32, {33, 70});
  SetDesc(op.mutable_matmul()->mutable_b(), plan::F32, {70, 50});
  SetDesc(op.mutable_matmul()->mutable_dst(), plan::F32, {33, 50});
  op.mutable_matmul()->mutable_b()->set_packed_bytes(12345);
  EXPECT_EQ(Prepare(op, TestTarget()).status().code(), absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace plimsoll::runtime
