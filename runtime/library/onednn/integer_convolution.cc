#include <algorithm>
#include <array>

#include "absl/strings/str_cat.h"
#include "runtime/device/cpu/parallel.h"
#include "runtime/library/onednn/engine.h"
#include "runtime/library/onednn/integer.h"
#include "runtime/library/onednn/operations.h"

namespace plimsoll::runtime::onednn {
namespace {

using Triple = std::array<int64_t, 3>;  // depth, height, width; absent ones are 1 (sizes) or 0 (pads, strides)

struct Geometry {
  int64_t batch, groups, in_channels, out_channels;  // channels a group
  Triple in, out, kernel, stride, dilation, pad;
  // Strides of memory in elements: n, c, d, h, w (weights: o, i, d, h, w).
  std::array<int64_t, 5> src, weights, dst;
};

// One row along the width of one output channel.
template <typename S, typename W>
void Row(const Geometry& g, const S* src, const W* weights, int32_t src_zero, int32_t weights_zero, int64_t od,
         int64_t oh, int32_t* dst) {
  const int64_t width = g.out[2];
  for (int64_t x = 0; x < width; ++x) dst[x * g.dst[4]] = 0;
  for (int64_t c = 0; c < g.in_channels; ++c) {
    for (int64_t kd = 0; kd < g.kernel[0]; ++kd) {
      const int64_t d = od * g.stride[0] - g.pad[0] + kd * g.dilation[0];
      if (d < 0 || d >= g.in[0]) continue;
      for (int64_t kh = 0; kh < g.kernel[1]; ++kh) {
        const int64_t h = oh * g.stride[1] - g.pad[1] + kh * g.dilation[1];
        if (h < 0 || h >= g.in[1]) continue;
        for (int64_t kw = 0; kw < g.kernel[2]; ++kw) {
          const int32_t weight =
              weights[c * g.weights[1] + kd * g.weights[2] + kh * g.weights[3] + kw * g.weights[4]] - weights_zero;
          if (weight == 0) continue;
          // Positions x whose source x * stride + shift lies inside.
          const int64_t shift = kw * g.dilation[2] - g.pad[2];
          const int64_t step = g.stride[2];
          const int64_t begin = shift >= 0 ? 0 : (-shift + step - 1) / step;
          const int64_t end = std::min(width, g.in[2] - 1 - shift < 0 ? 0 : (g.in[2] - 1 - shift) / step + 1);
          const S* row = src + c * g.src[1] + d * g.src[2] + h * g.src[3] + shift * g.src[4];
          if (step * g.src[4] == 1 && g.dst[4] == 1) {
            AddScaled(dst + begin, row + begin, end - begin, weight, src_zero);
            continue;
          }
          for (int64_t x = begin; x < end; ++x) {
            AddScaled(dst + x * g.dst[4], row + x * step * g.src[4], 1, weight, src_zero);
          }
        }
      }
    }
  }
}

class IntegerConvolution : public PreparedOp {
 public:
  Geometry geometry;
  bool src_signed = false, weights_signed = false;
  int bias_operand = -1, src_zero_operand = -1, weights_zero_operand = -1, dst_operand = 2;
  bool weights_zero_per_channel = false;
  int threads = 0;

  absl::Status Run(absl::Span<void* const> operands) override {
    if (static_cast<int>(operands.size()) < operand_count()) {
      return absl::InvalidArgumentError("a library call got too few operands");
    }
    ThreadCount scope(threads);
    if (src_signed) {
      if (weights_signed) RunTyped<int8_t, int8_t>(operands);
      else RunTyped<int8_t, uint8_t>(operands);
    } else {
      if (weights_signed) RunTyped<uint8_t, int8_t>(operands);
      else RunTyped<uint8_t, uint8_t>(operands);
    }
    return absl::OkStatus();
  }
  int64_t workspace_bytes() const override { return 0; }
  int operand_count() const override { return dst_operand + 1; }

 private:
  template <typename S, typename W>
  void RunTyped(absl::Span<void* const> operands) {
    const Geometry& g = geometry;
    const int32_t src_zero = src_zero_operand < 0 ? 0 : ReadByte(operands[src_zero_operand], src_signed);
    const auto* weights_zeros = weights_zero_operand < 0 ? nullptr : static_cast<const W*>(operands[weights_zero_operand]);
    const auto* bias = bias_operand < 0 ? nullptr : static_cast<const int32_t*>(operands[bias_operand]);
    const int64_t channels = g.groups * g.out_channels;
    const int64_t rows = g.batch * channels * g.out[0] * g.out[1];
    const int64_t work = g.out[2] * g.in_channels * g.kernel[0] * g.kernel[1] * g.kernel[2];
    cpu::ParallelFor(rows, std::max<int64_t>(1, 65536 / std::max<int64_t>(1, work)), [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) {
        const int64_t oh = row % g.out[1];
        const int64_t od = row / g.out[1] % g.out[0];
        const int64_t channel = row / (g.out[0] * g.out[1]) % channels;
        const int64_t n = row / (g.out[0] * g.out[1] * channels);
        const int64_t group = channel / g.out_channels;
        const int32_t weights_zero = weights_zeros == nullptr ? 0 : weights_zeros[weights_zero_per_channel ? channel : 0];
        int32_t* dst = static_cast<int32_t*>(operands[dst_operand]) + n * g.dst[0] + channel * g.dst[1] +
                       od * g.dst[2] + oh * g.dst[3];
        Row(g, static_cast<const S*>(operands[0]) + n * g.src[0] + group * g.in_channels * g.src[1],
            static_cast<const W*>(operands[1]) + channel * g.weights[0], src_zero, weights_zero, od, oh, dst);
        if (bias == nullptr) continue;
        for (int64_t x = 0; x < g.out[2]; ++x) dst[x * g.dst[4]] += bias[channel];
      }
    });
  }
};

// Sizes or strides of the spatial dimensions, right-aligned in (depth, height, width).
template <typename List>
Triple Spatial(const List& list, int skip, int spatial, int64_t absent) {
  Triple result{absent, absent, absent};
  if (static_cast<int>(list.size()) < skip + spatial) return result;
  for (int i = 0; i < spatial; ++i) result[3 - spatial + i] = list[skip + i];
  return result;
}

std::array<int64_t, 5> MemoryStrides(const Dims& strides, int spatial) {
  const Triple inner = Spatial(strides, 2, spatial, 0);
  return {strides[0], strides[1], inner[0], inner[1], inner[2]};
}

}  // namespace

absl::StatusOr<std::unique_ptr<PreparedOp>> PrepareIntegerConvolution(const plan::Convolution& op, int threads) {
  if (op.dst().dtype() != plan::I32 || op.transposed() || !op.post_ops().empty()) {
    return absl::UnimplementedError("an integer convolution gives i32, is not transposed and has no post-ops");
  }
  const int rank = op.src().dims_size();
  const int spatial = rank - 2;
  if (spatial < 1 || spatial > 3) {
    return absl::UnimplementedError(absl::StrCat("an integer convolution has 1 to 3 spatial dimensions, not ", spatial));
  }
  if (op.dst().dims_size() != rank || op.weights().dims_size() != rank || op.groups() < 1) {
    return absl::InvalidArgumentError("a convolution's source, weights and destination differ in rank, or groups < 1");
  }
  for (const auto* list : {&op.strides(), &op.dilations(), &op.pads_begin(), &op.pads_end()}) {
    if (!list->empty() && list->size() != spatial) {
      return absl::InvalidArgumentError("a convolution's strides, dilations or pads do not match its dimensions");
    }
  }
  auto src = ByteTensorOf(op.src(), rank);
  if (!src.ok()) return src.status();
  auto weights = ByteTensorOf(op.weights(), rank);
  if (!weights.ok()) return weights.status();
  auto dst_strides = StridesOf(op.dst());
  if (!dst_strides.ok()) return dst_strides.status();
  const Dims dst = DimsOf(op.dst());
  auto result = std::make_unique<IntegerConvolution>();
  Geometry& g = result->geometry;
  g.batch = src->dims[0];
  g.groups = op.groups();
  g.in_channels = weights->dims[1];
  g.out_channels = weights->dims[0] / g.groups;
  g.in = Spatial(src->dims, 2, spatial, 1);
  g.out = Spatial(dst, 2, spatial, 1);
  g.kernel = Spatial(weights->dims, 2, spatial, 1);
  g.stride = Spatial(op.strides(), 0, spatial, 1);
  g.dilation = Spatial(op.dilations(), 0, spatial, 1);
  g.pad = Spatial(op.pads_begin(), 0, spatial, 0);
  g.src = MemoryStrides(src->strides, spatial);
  g.weights = MemoryStrides(weights->strides, spatial);
  g.dst = MemoryStrides(*dst_strides, spatial);
  for (int i = 0; i < 3; ++i) {
    if (g.stride[i] < 1 || g.dilation[i] < 1) return absl::InvalidArgumentError("a convolution's stride is below 1");
  }
  if (dst[0] != g.batch || dst[1] != weights->dims[0] || weights->dims[0] % g.groups != 0 ||
      src->dims[1] != g.in_channels * g.groups) {
    return absl::InvalidArgumentError("a convolution's channels or batch do not agree");
  }
  int operand = 2;
  if (op.has_bias()) {
    if (op.bias().dtype() != plan::I32) return absl::UnimplementedError("an integer convolution's bias is i32");
    result->bias_operand = operand++;
  }
  if (op.has_src_zero_point()) result->src_zero_operand = operand++;
  if (op.has_weights_zero_point()) result->weights_zero_operand = operand++;
  result->weights_zero_per_channel = op.weights_zero_point_per_channel();
  result->dst_operand = operand;
  result->src_signed = src->is_signed;
  result->weights_signed = weights->is_signed;
  result->threads = threads;
  return result;
}

}  // namespace plimsoll::runtime::onednn
