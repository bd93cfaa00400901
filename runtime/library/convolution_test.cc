// Convolutions against loops written here.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "gtest/gtest.h"
#include "runtime/library/library.h"
#include "runtime/library/testing/operation.h"

namespace plimsoll::runtime {
namespace {

struct ConvolutionCase {
  Dims src, weights, dst;  // weights as ONNX has them
  Dims strides, dilations, begin, end;
  int64_t groups = 1;
  bool transposed = false;
};

template <typename S, typename W, typename D>
std::vector<D> NaiveConvolution(const ConvolutionCase& c, const std::vector<S>& src, const std::vector<W>& weights,
                                const Dims& src_strides, const Dims& dst_strides, int src_zero = 0,
                                int weights_zero = 0) {
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
      {{1, 3, 10, 9}, {5, 3, 3, 2}, {1, 5, 9, 10}, {1, 1}, {2, 1}, {1, 0}, {2, 2}},    // asymmetric, dilated
      {{2, 8, 7, 7}, {8, 1, 3, 3}, {2, 8, 7, 7}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, 8},   // depthwise
      {{2, 6, 7, 7}, {9, 2, 3, 3}, {2, 9, 5, 5}, {1, 1}, {1, 1}, {0, 0}, {0, 0}, 3},   // groups
      {{1, 16, 7, 7}, {32, 16, 1, 1}, {1, 32, 7, 7}, {1, 1}, {1, 1}, {0, 0}, {0, 0}},  // 1x1
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
    const auto want =
        NaiveConvolution<uint8_t, int8_t, int32_t>(c, x, w, Dense(c.src), Dense(c.dst), x_zero, w_zero[channel]);
    for (int64_t n = 0; n < c.dst[0]; ++n) {
      for (int64_t i = 0; i < image; ++i) {
        const int64_t at = (n * c.dst[1] + channel) * image + i;
        ASSERT_EQ(out[at], want[at]) << "channel " << channel;
      }
    }
  }
}

}  // namespace
}  // namespace plimsoll::runtime
