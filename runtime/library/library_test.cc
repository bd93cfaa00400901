// The library's operations against loops written here.
#include "runtime/library/library.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <random>
#include <vector>

#include "gtest/gtest.h"

namespace plimsoll::runtime {
namespace {

using plan::MemoryDesc;
using Dims = std::vector<int64_t>;

plan::Target TestTarget() {
  plan::Target target;
  target.set_library_isa("AVX2");
  target.set_threads(2);
  return target;
}

void SetDesc(MemoryDesc* desc, plan::DataType dtype, const Dims& dims, const Dims& strides = {}) {
  desc->set_dtype(dtype);
  for (int64_t dim : dims) desc->add_dims(dim);
  for (int64_t stride : strides) desc->add_strides(stride);
}

int64_t Count(const Dims& dims) {
  int64_t count = 1;
  for (int64_t dim : dims) count *= dim;
  return count;
}

Dims Dense(const Dims& dims) {
  Dims strides(dims.size());
  int64_t stride = 1;
  for (size_t i = dims.size(); i-- > 0; stride *= dims[i]) strides[i] = stride;
  return strides;
}

Dims ChannelsLast(const Dims& dims) {
  Dims strides(dims.size());
  strides[1] = 1;
  int64_t stride = dims[1];
  for (size_t i = dims.size(); i-- > 2; stride *= dims[i]) strides[i] = stride;
  strides[0] = stride;
  return strides;
}

int64_t At(const Dims& strides, const Dims& index) {
  int64_t at = 0;
  for (size_t i = 0; i < index.size(); ++i) at += index[i] * strides[i];
  return at;
}

// Next index in row-major order; false after the last.
bool Next(Dims& index, const Dims& dims) {
  for (size_t i = dims.size(); i-- > 0;) {
    if (++index[i] < dims[i]) return true;
    index[i] = 0;
  }
  return false;
}

template <typename T>
std::vector<T> Random(int64_t count, int seed, double low = -1, double high = 1) {
  std::mt19937 generator(seed);
  std::uniform_real_distribution<double> distribution(low, high);
  std::vector<T> values(count);
  for (T& value : values) value = static_cast<T>(distribution(generator));
  return values;
}

// Asks, prepares and runs, with a workspace of the size that was asked for.
absl::Status Execute(plan::LibraryOp op, std::vector<void*> operands) {
  op.set_library("onednn");
  auto needs = Query(op, TestTarget());
  if (!needs.ok()) return needs.status();
  op.set_workspace_bytes(needs->workspace_bytes);
  auto prepared = Prepare(op, TestTarget());
  if (!prepared.ok()) return prepared.status();
  void* workspace = needs->workspace_bytes > 0 ? std::aligned_alloc(64, (needs->workspace_bytes + 63) / 64 * 64) : nullptr;
  if (workspace != nullptr) {
    std::memset(workspace, 0x7f, needs->workspace_bytes);
    operands.push_back(workspace);
  }
  EXPECT_EQ(static_cast<int>(operands.size()), (*prepared)->operand_count());
  absl::Status status = (*prepared)->Run(operands);
  std::free(workspace);
  return status;
}

#define EXPECT_OK(expression)                            \
  do {                                                   \
    const absl::Status status_ = (expression);           \
    EXPECT_TRUE(status_.ok()) << status_.ToString();     \
  } while (false)

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
      sum += (static_cast<double>(a[At(a_strides, ai)]) - a_zero) * (static_cast<double>(b[At(b_strides, bi)]) - b_zero);
    }
    out[at++] = static_cast<D>(sum);
  } while (Next(index, dst));
  return out;
}

void ExpectNear(const std::vector<float>& got, const std::vector<float>& want, float tolerance = 1e-4f) {
  ASSERT_EQ(got.size(), want.size());
  for (size_t i = 0; i < got.size(); ++i) ASSERT_NEAR(got[i], want[i], tolerance * (1 + std::abs(want[i]))) << i;
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
      EXPECT_OK(Execute(op, {(void*)x.data(), (void*)y.data(), (void*)bias.data(), (void*)residual.data(), out.data()}));
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
        for (int64_t l = 0; l < k; ++l) want[(b * m + i) * n + j] += (x[(b * m + i) * k + l] - x_zero[i]) * (y[l * n + j] - y_zero[j]);
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

// Packs the operand of `op` that the library wishes packed, as the load program does, and checks the sizes.
std::vector<char> PackWeights(plan::LibraryOp& op, MemoryDesc* weights, const void* data) {
  op.set_library("onednn");
  const MemoryDesc from = *weights;
  auto wish = Query(op, TestTarget(), /*constant_weights=*/true);
  EXPECT_OK(wish.status());
  if (!wish.ok() || wish->packed.empty()) return {};
  EXPECT_EQ(wish->packed.size(), 1u);
  EXPECT_EQ(wish->packed[0].operand, 1);
  weights->set_packed_bytes(wish->packed[0].bytes);
  auto packed_needs = Query(op, TestTarget());
  EXPECT_OK(packed_needs.status());
  EXPECT_EQ(packed_needs->workspace_bytes, wish->workspace_bytes);
  std::vector<char> packed(wish->packed[0].bytes);
  plan::LibraryOp pack;
  *pack.mutable_pack()->mutable_from() = from;
  *pack.mutable_pack()->mutable_target() = op;
  pack.mutable_pack()->set_operand(1);
  EXPECT_OK(Execute(pack, {const_cast<void*>(data), packed.data()}));
  return packed;
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

struct ConvolutionCase {
  Dims src, weights, dst;  // weights as ONNX has them
  Dims strides, dilations, begin, end;
  int64_t groups = 1;
  bool transposed = false;
};

template <typename S, typename W, typename D>
std::vector<D> NaiveConvolution(const ConvolutionCase& c, const std::vector<S>& src, const std::vector<W>& weights,
                                const Dims& src_strides, const Dims& dst_strides, int src_zero = 0, int weights_zero = 0) {
  std::vector<double> out(Count(c.dst));
  const size_t spatial = c.src.size() - 2;
  const Dims w_strides = Dense(c.weights);
  Dims index(c.weights.size());
  do {
    for (int64_t n = 0; n < c.src[0]; ++n) {
      // Positions along the loop tensor: destination for a convolution, source for a transposed one.
      const Dims& loop = c.transposed ? c.src : c.dst;
      const Dims& other = c.transposed ? c.dst : c.src;
      Dims position(spatial), sizes(loop.begin() + 2, loop.end());
      const int64_t per_group_in = c.src[1] / c.groups, per_group_out = c.dst[1] / c.groups;
      int64_t in_channel, out_channel;
      if (c.transposed) {
        in_channel = index[0];
        out_channel = in_channel / per_group_in * per_group_out + index[1];
      } else {
        out_channel = index[0];
        in_channel = out_channel / per_group_out * per_group_in + index[1];
      }
      do {
        Dims at_loop{n, c.transposed ? in_channel : out_channel}, at_other{n, c.transposed ? out_channel : in_channel};
        bool inside = true;
        for (size_t i = 0; i < spatial; ++i) {
          const int64_t p = position[i] * c.strides[i] - c.begin[i] + index[2 + i] * c.dilations[i];
          inside &= p >= 0 && p < other[2 + i];
          at_loop.push_back(position[i]);
          at_other.push_back(p);
        }
        if (!inside) continue;
        const Dims& s = c.transposed ? at_loop : at_other;
        const Dims& d = c.transposed ? at_other : at_loop;
        out[At(dst_strides, d)] += (static_cast<double>(src[At(src_strides, s)]) - src_zero) *
                                   (static_cast<double>(weights[At(w_strides, index)]) - weights_zero);
      } while (Next(position, sizes));
    }
  } while (Next(index, c.weights));
  return std::vector<D>(out.begin(), out.end());
}

plan::LibraryOp ConvolutionOp(const ConvolutionCase& c, plan::DataType src, plan::DataType weights, plan::DataType dst,
                              const Dims& src_strides, const Dims& dst_strides) {
  plan::LibraryOp op;
  plan::Convolution& conv = *op.mutable_convolution();
  SetDesc(conv.mutable_src(), src, c.src, src_strides);
  SetDesc(conv.mutable_weights(), weights, c.weights);
  SetDesc(conv.mutable_dst(), dst, c.dst, dst_strides);
  for (int64_t v : c.strides) conv.add_strides(v);
  for (int64_t v : c.dilations) conv.add_dilations(v);
  for (int64_t v : c.begin) conv.add_pads_begin(v);
  for (int64_t v : c.end) conv.add_pads_end(v);
  conv.set_groups(c.groups);
  conv.set_transposed(c.transposed);
  return op;
}

std::vector<ConvolutionCase> ConvolutionCases() {
  return {
      {{2, 3, 11}, {4, 3, 3}, {2, 4, 6}, {2}, {1}, {1}, {1}},
      {{1, 3, 12, 13}, {8, 3, 3, 3}, {1, 8, 6, 7}, {2, 2}, {1, 1}, {1, 1}, {1, 1}},
      {{1, 3, 10, 9}, {5, 3, 3, 2}, {1, 5, 9, 10}, {1, 1}, {2, 1}, {1, 0}, {2, 2}},         // asymmetric, dilated
      {{2, 8, 7, 7}, {8, 1, 3, 3}, {2, 8, 7, 7}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, 8},       // depthwise
      {{2, 6, 7, 7}, {9, 2, 3, 3}, {2, 9, 5, 5}, {1, 1}, {1, 1}, {0, 0}, {0, 0}, 3},       // groups
      {{1, 16, 7, 7}, {32, 16, 1, 1}, {1, 32, 7, 7}, {1, 1}, {1, 1}, {0, 0}, {0, 0}},      // 1x1
      {{1, 2, 5, 6, 7}, {4, 2, 3, 3, 3}, {1, 4, 5, 6, 7}, {1, 1, 1}, {1, 1, 1}, {1, 1, 1}, {1, 1, 1}},
  };
}

TEST(ConvolutionTest, AgreesWithLoopsInBothLayoutsPackedOrNot) {
  for (const ConvolutionCase& c : ConvolutionCases()) {
    for (bool channels_last : {false, true}) {
      for (bool packed : {false, true}) {
        const Dims src_strides = channels_last ? ChannelsLast(c.src) : Dense(c.src);
        const Dims dst_strides = channels_last ? ChannelsLast(c.dst) : Dense(c.dst);
        const auto x = Random<float>(Count(c.src), 1), w = Random<float>(Count(c.weights), 2);
        const auto bias = Random<float>(c.dst[1], 3);
        std::vector<float> out(Count(c.dst));
        plan::LibraryOp op = ConvolutionOp(c, plan::F32, plan::F32, plan::F32, src_strides, dst_strides);
        SetDesc(op.mutable_convolution()->mutable_bias(), plan::F32, {c.dst[1]});
        std::vector<char> blob;
        if (packed) blob = PackWeights(op, op.mutable_convolution()->mutable_weights(), w.data());
        const void* weights = blob.empty() ? static_cast<const void*>(w.data()) : blob.data();
        EXPECT_OK(Execute(op, {(void*)x.data(), const_cast<void*>(weights), (void*)bias.data(), out.data()}));
        auto want = NaiveConvolution<float, float, float>(c, x, w, src_strides, dst_strides);
        Dims index(c.dst.size());
        do want[At(dst_strides, index)] += bias[index[1]];
        while (Next(index, c.dst));
        ExpectNear(out, want);
      }
    }
  }
}

TEST(ConvolutionTest, TransposedAgreesWithLoops) {
  const std::vector<ConvolutionCase> cases = {
      {{1, 4, 5, 5}, {4, 3, 3, 3}, {1, 3, 7, 7}, {1, 1}, {1, 1}, {0, 0}, {0, 0}, 1, true},
      {{2, 4, 5, 6}, {4, 3, 3, 3}, {2, 3, 10, 12}, {2, 2}, {1, 1}, {1, 1}, {1, 1}, 1, true},  // output padding 1
      {{1, 6, 4, 4}, {6, 2, 2, 2}, {1, 6, 8, 8}, {2, 2}, {1, 1}, {0, 0}, {0, 0}, 3, true},
      {{1, 2, 6}, {2, 3, 4}, {1, 3, 12}, {2}, {1}, {1}, {1}, 1, true},
      {{1, 2, 3, 3}, {2, 2, 2, 2}, {1, 2, 5, 5}, {1, 1}, {2, 2}, {0, 0}, {0, 0}, 1, true},
  };
  for (const ConvolutionCase& c : cases) {
    for (bool packed : {false, true}) {
      const auto x = Random<float>(Count(c.src), 1), w = Random<float>(Count(c.weights), 2);
      std::vector<float> out(Count(c.dst));
      plan::LibraryOp op = ConvolutionOp(c, plan::F32, plan::F32, plan::F32, {}, {});
      std::vector<char> blob;
      if (packed) blob = PackWeights(op, op.mutable_convolution()->mutable_weights(), w.data());
      const void* weights = blob.empty() ? static_cast<const void*>(w.data()) : blob.data();
      EXPECT_OK(Execute(op, {(void*)x.data(), const_cast<void*>(weights), out.data()}));
      ExpectNear(out, NaiveConvolution<float, float, float>(c, x, w, Dense(c.src), Dense(c.dst)));
    }
  }
}

TEST(ConvolutionTest, AppliesPostOps) {
  const ConvolutionCase c = ConvolutionCases()[5];
  const auto x = Random<float>(Count(c.src), 1), w = Random<float>(Count(c.weights), 2);
  const auto residual = Random<float>(Count(c.dst), 3);
  std::vector<float> out(Count(c.dst));
  plan::LibraryOp op = ConvolutionOp(c, plan::F32, plan::F32, plan::F32, {}, {});
  plan::PostOp* post = op.mutable_convolution()->add_post_ops();
  post->set_kind(plan::PostOp::BINARY);
  post->set_function("add");
  SetDesc(post->mutable_operand(), plan::F32, c.dst);
  post = op.mutable_convolution()->add_post_ops();
  post->set_kind(plan::PostOp::ELTWISE);
  post->set_function("clip");
  post->set_alpha(0);
  post->set_beta(2);
  EXPECT_OK(Execute(op, {(void*)x.data(), (void*)w.data(), (void*)residual.data(), out.data()}));
  auto want = NaiveConvolution<float, float, float>(c, x, w, Dense(c.src), Dense(c.dst));
  for (size_t i = 0; i < want.size(); ++i) want[i] = std::clamp(want[i] + residual[i], 0.0f, 2.0f);
  ExpectNear(out, want);
}

TEST(ConvolutionTest, IntegersAreExact) {
  for (const ConvolutionCase& c : ConvolutionCases()) {
    for (bool channels_last : {false, true}) {
      const Dims src_strides = channels_last ? ChannelsLast(c.src) : Dense(c.src);
      const Dims dst_strides = channels_last ? ChannelsLast(c.dst) : Dense(c.dst);
      const auto x = Random<uint8_t>(Count(c.src), 1, 0, 255), w = Random<uint8_t>(Count(c.weights), 2, 0, 255);
      uint8_t x_zero = 120, w_zero = 3;
      std::vector<int32_t> out(Count(c.dst));
      plan::LibraryOp op = ConvolutionOp(c, plan::U8, plan::U8, plan::I32, src_strides, dst_strides);
      op.mutable_convolution()->set_has_src_zero_point(true);
      op.mutable_convolution()->set_has_weights_zero_point(true);
      EXPECT_OK(Execute(op, {(void*)x.data(), (void*)w.data(), &x_zero, &w_zero, out.data()}));
      EXPECT_EQ(out, (NaiveConvolution<uint8_t, uint8_t, int32_t>(c, x, w, src_strides, dst_strides, x_zero, w_zero)));
    }
  }
}

TEST(ConvolutionTest, IntegerWeightsMayHaveAZeroPointAChannel) {
  const ConvolutionCase c = ConvolutionCases()[4];  // groups
  const auto x = Random<uint8_t>(Count(c.src), 1, 0, 255);
  const auto w = Random<int8_t>(Count(c.weights), 2, -128, 127);
  const auto w_zero = Random<int8_t>(c.dst[1], 3, -128, 127);
  uint8_t x_zero = 9;
  std::vector<int32_t> out(Count(c.dst));
  plan::LibraryOp op = ConvolutionOp(c, plan::U8, plan::I8, plan::I32, {}, {});
  op.mutable_convolution()->set_has_src_zero_point(true);
  op.mutable_convolution()->set_has_weights_zero_point(true);
  op.mutable_convolution()->set_weights_zero_point_per_channel(true);
  EXPECT_OK(Execute(op, {(void*)x.data(), (void*)w.data(), &x_zero, (void*)w_zero.data(), out.data()}));
  const int64_t image = c.dst[2] * c.dst[3];
  for (int64_t channel = 0; channel < c.dst[1]; ++channel) {
    const auto want = NaiveConvolution<uint8_t, int8_t, int32_t>(c, x, w, Dense(c.src), Dense(c.dst), x_zero, w_zero[channel]);
    for (int64_t n = 0; n < c.dst[0]; ++n) {
      for (int64_t i = 0; i < image; ++i) {
        const int64_t at = (n * c.dst[1] + channel) * image + i;
        ASSERT_EQ(out[at], want[at]) << "channel " << channel;
      }
    }
  }
}

TEST(PoolTest, AgreesWithLoops) {
  const Dims src{2, 3, 9, 10};
  const auto x = Random<float>(Count(src), 1);
  for (plan::Pool::Kind kind :
       {plan::Pool::MAX, plan::Pool::AVERAGE_INCLUDE_PADDING, plan::Pool::AVERAGE_EXCLUDE_PADDING}) {
    for (int64_t dilation : {1, 2}) {
      const int64_t kernel = 3, stride = 2, begin = 1, end = 2;  // the end pad reaches further, as in ceil mode
      const int64_t range = (kernel - 1) * dilation + 1;
      const Dims dst{2, 3, (9 + begin + end - range) / stride + 1, (10 + begin + end - range) / stride + 1};
      plan::LibraryOp op;
      plan::Pool& pool = *op.mutable_pool();
      pool.set_kind(kind);
      SetDesc(pool.mutable_src(), plan::F32, src);
      SetDesc(pool.mutable_dst(), plan::F32, dst);
      for (int i = 0; i < 2; ++i) {
        pool.add_kernel(kernel);
        pool.add_strides(stride);
        pool.add_dilations(dilation);
        pool.add_pads_begin(begin);
        pool.add_pads_end(end);
      }
      std::vector<float> out(Count(dst)), want;
      EXPECT_OK(Execute(op, {(void*)x.data(), out.data()}));
      Dims index(4);
      do {
        double best = -1e30, sum = 0;
        int inside = 0;
        for (int64_t i = 0; i < kernel * kernel; ++i) {
          const int64_t h = index[2] * stride - begin + i / kernel * dilation;
          const int64_t w = index[3] * stride - begin + i % kernel * dilation;
          if (h < 0 || h >= src[2] || w < 0 || w >= src[3]) continue;
          const float value = x[At(Dense(src), {index[0], index[1], h, w})];
          best = std::max<double>(best, value);
          sum += value;
          ++inside;
        }
        want.push_back(static_cast<float>(kind == plan::Pool::MAX ? best
                                          : kind == plan::Pool::AVERAGE_INCLUDE_PADDING ? sum / (kernel * kernel)
                                                                                        : sum / inside));
      } while (Next(index, dst));
      ExpectNear(out, want);
    }
  }
}

// One step after another with ONNX's formulas, in doubles.
void NaiveRecurrent(const plan::Recurrent& op, const std::vector<float>& x, const std::vector<float>& w,
                    const std::vector<float>& r, const std::vector<float>& b, const std::vector<float>& h0,
                    const std::vector<float>& c0, std::vector<float>& y, std::vector<float>& yh, std::vector<float>& yc) {
  const int64_t T = op.sequence(), N = op.batch(), I = op.input_size(), H = op.hidden_size();
  const int64_t D = op.direction() == "bidirectional" ? 2 : 1;
  const int64_t G = static_cast<int64_t>(w.size()) / (D * H * I);
  auto sigmoid = [](double v) { return 1 / (1 + std::exp(-v)); };
  for (int64_t d = 0; d < D; ++d) {
    for (int64_t n = 0; n < N; ++n) {
      std::vector<double> h(h0.begin() + (d * N + n) * H, h0.begin() + (d * N + n + 1) * H), c(H);
      if (!c0.empty()) std::copy_n(c0.begin() + (d * N + n) * H, H, c.begin());
      for (int64_t step = 0; step < T; ++step) {
        const int64_t t = d == 1 || op.direction() == "reverse" ? T - 1 - step : step;
        auto from_x = [&](int64_t g, int64_t j) {
          double sum = b[d * 2 * G * H + g * H + j];
          for (int64_t i = 0; i < I; ++i) sum += x[(t * N + n) * I + i] * w[((d * G + g) * H + j) * I + i];
          return sum;
        };
        auto from_h = [&](const std::vector<double>& state, int64_t g, int64_t j) {
          double sum = b[d * 2 * G * H + (G + g) * H + j];
          for (int64_t i = 0; i < H; ++i) sum += state[i] * r[((d * G + g) * H + j) * H + i];
          return sum;
        };
        std::vector<double> next(H), reset(H);
        if (G == 3) {
          for (int64_t j = 0; j < H; ++j) reset[j] = sigmoid(from_x(1, j) + from_h(h, 1, j));
        }
        std::vector<double> scaled(H);
        for (int64_t j = 0; j < H; ++j) scaled[j] = reset[j] * h[j];
        for (int64_t j = 0; j < H; ++j) {
          if (G == 4) {
            c[j] = sigmoid(from_x(2, j) + from_h(h, 2, j)) * c[j] +
                   sigmoid(from_x(0, j) + from_h(h, 0, j)) * std::tanh(from_x(3, j) + from_h(h, 3, j));
            next[j] = sigmoid(from_x(1, j) + from_h(h, 1, j)) * std::tanh(c[j]);
          } else if (G == 3) {
            const double z = sigmoid(from_x(0, j) + from_h(h, 0, j));
            const double candidate = op.cell() == plan::Recurrent::GRU
                                         ? std::tanh(from_x(2, j) + from_h(scaled, 2, j))
                                         : std::tanh(from_x(2, j) + reset[j] * from_h(h, 2, j));
            next[j] = (1 - z) * candidate + z * h[j];
          } else {
            const double sum = from_x(0, j) + from_h(h, 0, j);
            next[j] = op.cell() == plan::Recurrent::VANILLA_RELU ? std::max(sum, 0.0) : std::tanh(sum);
          }
        }
        h = next;
        for (int64_t j = 0; j < H; ++j) y[((t * D + d) * N + n) * H + j] = static_cast<float>(h[j]);
      }
      for (int64_t j = 0; j < H; ++j) yh[(d * N + n) * H + j] = static_cast<float>(h[j]);
      for (int64_t j = 0; j < H; ++j) yc[(d * N + n) * H + j] = static_cast<float>(c[j]);
    }
  }
}

TEST(RecurrentTest, AgreesWithTheFormulas) {
  const int64_t T = 4, N = 3, I = 5, H = 6;
  const std::pair<plan::Recurrent::Cell, int64_t> cells[] = {{plan::Recurrent::LSTM, 4},
                                                             {plan::Recurrent::GRU, 3},
                                                             {plan::Recurrent::LINEAR_BEFORE_RESET_GRU, 3},
                                                             {plan::Recurrent::VANILLA_TANH, 1},
                                                             {plan::Recurrent::VANILLA_RELU, 1}};
  for (const auto& [cell, G] : cells) {
    for (const char* direction : {"forward", "reverse", "bidirectional"}) {
      for (bool given : {false, true}) {  // bias and initial states
        const int64_t D = direction == std::string("bidirectional") ? 2 : 1;
        plan::LibraryOp op;
        plan::Recurrent& layer = *op.mutable_recurrent();
        layer.set_cell(cell);
        layer.set_direction(direction);
        layer.set_sequence(T);
        layer.set_batch(N);
        layer.set_input_size(I);
        layer.set_hidden_size(H);
        layer.set_has_bias(given);
        layer.set_has_initial_h(given);
        layer.set_has_initial_c(given && G == 4);
        auto x = Random<float>(T * N * I, 1), w = Random<float>(D * G * H * I, 2), r = Random<float>(D * G * H * H, 3);
        auto b = Random<float>(D * 2 * G * H, 4), h0 = Random<float>(D * N * H, 5), c0 = Random<float>(D * N * H, 6);
        if (!given) {
          for (auto* zero : {&b, &h0, &c0}) std::fill(zero->begin(), zero->end(), 0.0f);
        }
        std::vector<float> y(T * D * N * H), yh(D * N * H), yc(D * N * H), want = y, want_h = yh, want_c = yc;
        NaiveRecurrent(layer, x, w, r, b, h0, c0, want, want_h, want_c);
        std::vector<void*> operands{x.data(), w.data(), r.data()};
        if (given) operands.insert(operands.end(), {b.data(), h0.data()});
        if (given && G == 4) operands.push_back(c0.data());
        operands.insert(operands.end(), {y.data(), yh.data()});
        if (G == 4) operands.push_back(yc.data());
        EXPECT_OK(Execute(op, operands));
        ExpectNear(y, want);
        ExpectNear(yh, want_h);
        if (G == 4) ExpectNear(yc, want_c);
      }
    }
  }
}

}  // namespace
// x less its zero point, rounded as ONNX's DynamicQuantizeLinear rounds it; the scale is returned.
float RoundToBytes(const float* x, int64_t count, std::vector<double>& to) {
  const float low = std::min(0.0f, *std::min_element(x, x + count)), high = std::max(0.0f, *std::max_element(x, x + count));
  const float scale = high == low ? 1 : (high - low) / 255, zero = std::nearbyint(std::clamp(-low / scale, 0.0f, 255.0f));
  to.resize(count);
  for (int64_t i = 0; i < count; ++i) to[i] = std::clamp(std::nearbyint(x[i] / scale) + zero, 0.0f, 255.0f) - zero;
  return scale;
}

// One step of a quantized LSTM at a time, for one element of the batch.
template <typename W>
void CheckQuantizedLstm(plan::DataType dtype, const char* direction, int64_t H) {
  const int64_t T = 5, I = 7, G = 4 * H, D = direction == std::string("bidirectional") ? 2 : 1;
  const double least = std::is_signed_v<W> ? -128 : 0, most = std::is_signed_v<W> ? 127 : 255;
  const auto x = Random<float>(T * I, 1), b = Random<float>(D * 2 * G, 4), h0 = Random<float>(D * H, 5), c0 = Random<float>(D * H, 6);
  const auto w = Random<W>(D * I * G, 2, least, most), r = Random<W>(D * H * G, 3, least, most);
  auto quantization = Random<float>(4 * D * G, 7, 0.001, 0.01);
  for (int64_t i = 0; i < 4 * D * G; ++i) {
    if (i / (D * G) % 2 == 1) quantization[i] = static_cast<float>(std::is_signed_v<W> ? i % 5 - 2 : 120 + i % 9);
  }
  plan::LibraryOp op;
  plan::Recurrent& layer = *op.mutable_recurrent();
  layer.set_cell(plan::Recurrent::LSTM);
  layer.set_direction(direction);
  layer.set_sequence(T);
  layer.set_batch(1);
  layer.set_input_size(I);
  layer.set_hidden_size(H);
  layer.set_has_bias(true);
  layer.set_has_initial_h(true);
  layer.set_has_initial_c(true);
  layer.set_quantized(dtype);
  std::vector<float> y(T * D * H), yh(D * H), yc(D * H);
  EXPECT_OK(Execute(op, {(void*)x.data(), (void*)w.data(), (void*)r.data(), (void*)b.data(), (void*)h0.data(), (void*)c0.data(),
                         quantization.data(), y.data(), yh.data(), yc.data()}));
  auto sigmoid = [](double v) { return 1 / (1 + std::exp(-v)); };
  std::vector<double> rounded_x, rounded_h;
  const double x_scale = RoundToBytes(x.data(), T * I, rounded_x);
  for (int64_t d = 0; d < D; ++d) {
    std::vector<float> h(h0.begin() + d * H, h0.begin() + (d + 1) * H);
    std::vector<double> c(c0.begin() + d * H, c0.begin() + (d + 1) * H), gates(G);
    auto number = [&](int64_t which, int64_t column) { return static_cast<double>(quantization[(which * D + d) * G + column]); };
    for (int64_t step = 0; step < T; ++step) {
      const int64_t t = d == 1 || direction == std::string("reverse") ? T - 1 - step : step;
      const double h_scale = RoundToBytes(h.data(), H, rounded_h);
      for (int64_t j = 0; j < G; ++j) {
        double from_x = 0, from_h = 0;
        for (int64_t i = 0; i < I; ++i) from_x += rounded_x[t * I + i] * (w[(d * I + i) * G + j] - number(1, j));
        for (int64_t i = 0; i < H; ++i) from_h += rounded_h[i] * (r[(d * H + i) * G + j] - number(3, j));
        gates[j] = from_x * x_scale * number(0, j) + from_h * h_scale * number(2, j) + b[d * 2 * G + j] + b[d * 2 * G + G + j];
      }
      for (int64_t j = 0; j < H; ++j) {
        c[j] = sigmoid(gates[2 * H + j]) * c[j] + sigmoid(gates[j]) * std::tanh(gates[3 * H + j]);
        h[j] = static_cast<float>(sigmoid(gates[H + j]) * std::tanh(c[j]));
        // A state next to a tie may round to the next integer: one step of the scale.
        EXPECT_NEAR(y[(t * D + d) * H + j], h[j], 0.01) << dtype << direction << H << " step " << step << " unit " << j;
        h[j] = y[(t * D + d) * H + j];
      }
    }
    for (int64_t j = 0; j < H; ++j) EXPECT_EQ(yh[d * H + j], h[j]);
    for (int64_t j = 0; j < H; ++j) EXPECT_NEAR(yc[d * H + j], c[j], 0.02);
  }
}

TEST(RecurrentTest, QuantizedRoundsInputAndState) {
  for (const char* direction : {"forward", "reverse", "bidirectional"}) {
    for (int64_t hidden : {5, 32}) {  // the plain row and the vectorized one
      CheckQuantizedLstm<int8_t>(plan::I8, direction, hidden);
      CheckQuantizedLstm<uint8_t>(plan::U8, direction, hidden);
    }
  }
}

}  // namespace plimsoll::runtime
