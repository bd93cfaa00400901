#include <algorithm>
#include <array>

#include "absl/strings/str_cat.h"
#include "runtime/device/cpu/parallel.h"
#include "runtime/library/onednn/engine.h"
#include "runtime/library/onednn/integer.h"
#include "runtime/library/onednn/operations.h"
#include "runtime/library/onednn/primitive_op.h"

namespace plimsoll::runtime::onednn {
namespace {

constexpr double kMostBytes = 1e12;

using Triple = std::array<int64_t, 3>;  // depth, height, width; absent ones are 1 (sizes) or 0 (pads, strides)

struct Geometry {
  int64_t batch, groups, in_channels, out_channels;  // channels a group
  Triple in, out, kernel, stride, dilation, pad;
  // Strides of memory in elements: n, c, d, h, w (weights: o, i, d, h, w).
  std::array<int64_t, 5> src, weights, dst;
};

// The output positions of one tile: a range of the flattened (depth, height, width).
struct Positions {
  int64_t first = 0, count = 0;
  int64_t offset[kTileColumns];  // in the destination
  bool adjacent = true;          // in the destination
};

Positions PositionsOf(const Geometry& g, int64_t first, int64_t count) {
  Positions positions{first, count};
  for (int64_t i = 0; i < count; ++i) {
    const int64_t at = first + i, w = at % g.out[2], h = at / g.out[2] % g.out[1], d = at / (g.out[2] * g.out[1]);
    positions.offset[i] = d * g.dst[2] + h * g.dst[3] + w * g.dst[4];
    positions.adjacent &= positions.offset[i] == positions.offset[0] + i;
  }
  return positions;
}

// What the kernel's element (c, kd, kh, kw) multiplies at each position; `zero` outside of the source.
void Gather(const Geometry& g, const uint8_t* src, uint8_t flip, uint8_t zero, int64_t c, const Triple& k,
            const Positions& positions, uint8_t* to) {
  for (int64_t i = 0; i < positions.count;) {
    const int64_t at = positions.first + i, x = at % g.out[2];
    const int64_t run = std::min(positions.count - i, g.out[2] - x);  // along the width
    const int64_t h = at / g.out[2] % g.out[1] * g.stride[1] - g.pad[1] + k[1] * g.dilation[1];
    const int64_t d = at / (g.out[2] * g.out[1]) * g.stride[0] - g.pad[0] + k[0] * g.dilation[0];
    // Positions x + begin .. x + end have their source w = position * stride + shift inside.
    const int64_t shift = k[2] * g.dilation[2] - g.pad[2], step = g.stride[2];
    int64_t begin = 0, end = 0;
    if (d >= 0 && d < g.in[0] && h >= 0 && h < g.in[1]) {
      begin = std::clamp<int64_t>((shift >= 0 ? 0 : (-shift + step - 1) / step) - x, 0, run);
      end = std::clamp<int64_t>((g.in[2] - 1 - shift < 0 ? 0 : (g.in[2] - 1 - shift) / step + 1) - x, begin, run);
    }
    std::fill(to + i, to + i + begin, zero);
    if (end > begin) {
      const uint8_t* row = src + c * g.src[1] + d * g.src[2] + h * g.src[3] + ((x + begin) * step + shift) * g.src[4];
      CopyBytes(row, step * g.src[4], end - begin, flip, to + i + begin);
    }
    std::fill(to + i + end, to + i + run, zero);
    i += run;
  }
}

// The source under all of the kernel's elements (in_channels, kd, kh, kw), in fours.
void GatherFours(const Geometry& g, const uint8_t* src, uint8_t flip, uint8_t zero, const Positions& positions,
                 uint8_t* to) {
  alignas(64) uint8_t rows[4][kTileColumns] = {};
  const void* const pointers[4] = {rows[0], rows[1], rows[2], rows[3]};
  int64_t count = 0;
  for (int64_t c = 0; c < g.in_channels; ++c) {
    for (Triple k = {0, 0, 0}; k[0] < g.kernel[0]; ++k[0]) {
      for (k[1] = 0; k[1] < g.kernel[1]; ++k[1]) {
        for (k[2] = 0; k[2] < g.kernel[2]; ++k[2]) {
          Gather(g, src, flip, zero, c, k, positions, rows[count % 4]);
          if (++count % 4 == 0) InterleaveFour(pointers, 0, to + (count / 4 - 1) * kQuadBytes);
        }
      }
    }
  }
  if (count % 4 == 0) return;
  for (int64_t j = count % 4; j < 4; ++j) std::fill(rows[j], rows[j] + kTileColumns, uint8_t{0});
  InterleaveFour(pointers, 0, to + count / 4 * kQuadBytes);
}

class IntegerConvolution : public PreparedOp {
 public:
  Geometry geometry;
  bool src_signed = false, weights_signed = false;
  int bias_operand = -1, src_zero_operand = -1, weights_zero_operand = -1, dst_operand = 2;
  bool weights_zero_per_channel = false;
  int threads = 0;

  absl::Status Run(absl::Span<void* const> operands, StreamHandle) override {
    if (static_cast<int>(operands.size()) < operand_count()) {
      return absl::InvalidArgumentError("a library call got too few operands");
    }
    ThreadCount scope(threads);
    if (src_signed) {
      if (weights_signed)
        RunTyped<int8_t, int8_t>(operands);
      else
        RunTyped<int8_t, uint8_t>(operands);
    } else {
      if (weights_signed)
        RunTyped<uint8_t, int8_t>(operands);
      else
        RunTyped<uint8_t, uint8_t>(operands);
    }
    return absl::OkStatus();
  }
  // Signed weights in rows of fours, what each row takes out of its sums, and for each thread the fours of one tile.
  int64_t weights_bytes() const { return Rounded(channels() * 4 * quads()); }
  int64_t rows_bytes() const { return Rounded(channels() * static_cast<int64_t>(sizeof(LeftRow))); }
  int64_t tile_bytes() const { return quads() * kQuadBytes; }
  int64_t slots() const { return threads > 0 ? threads : cpu::HardwareThreads(); }
  int64_t workspace_bytes() const override { return weights_bytes() + rows_bytes() + slots() * tile_bytes(); }
  int operand_count() const override { return dst_operand + 1 + (workspace_bytes() > 0 ? 1 : 0); }

 private:
  static int64_t Rounded(int64_t bytes) {
    return (bytes + kWorkspaceAlignment - 1) / kWorkspaceAlignment * kWorkspaceAlignment;
  }
  int64_t channels() const { return geometry.groups * geometry.out_channels; }
  int64_t elements() const {
    return geometry.in_channels * geometry.kernel[0] * geometry.kernel[1] * geometry.kernel[2];
  }
  int64_t quads() const { return Quads(elements()); }

  template <typename W>
  void PackWeights(const W* weights, const W* zeros, int8_t* to, LeftRow* rows) {
    const Geometry& g = geometry;
    const int64_t row_bytes = 4 * quads();
    const uint8_t flip = Side<W>::kLeftFlip;
    const bool dense = g.weights[4] == 1 && g.weights[3] == g.kernel[2] && g.weights[1] * g.in_channels == elements() &&
                       (g.kernel[0] == 1 || g.weights[2] == g.kernel[1] * g.kernel[2]);
    cpu::ParallelFor(channels(), std::max<int64_t>(1, 131072 / std::max<int64_t>(1, row_bytes)),
                     [&](int64_t begin, int64_t end) {
                       for (int64_t channel = begin; channel < end; ++channel) {
                         int8_t* row = to + channel * row_bytes;
                         const W* from = weights + channel * g.weights[0];
                         int64_t at = 0;
                         if (dense) {
                           CopyBytes(from, 1, elements(), flip, row);
                           at = elements();
                         }
                         for (int64_t c = dense ? g.in_channels : 0; c < g.in_channels; ++c) {
                           for (int64_t kd = 0; kd < g.kernel[0]; ++kd) {
                             for (int64_t kh = 0; kh < g.kernel[1]; ++kh, at += g.kernel[2]) {
                               CopyBytes(from + c * g.weights[1] + kd * g.weights[2] + kh * g.weights[3], g.weights[4],
                                         g.kernel[2], flip, row + at);
                             }
                           }
                         }
                         std::fill(row + at, row + row_bytes, int8_t{0});
                         const int32_t zero = zeros == nullptr ? 0 : zeros[weights_zero_per_channel ? channel : 0];
                         rows[channel] = LeftRowOf(row, elements(), Side<W>::LeftZero(zero));
                       }
                     });
  }

  template <typename S, typename W>
  void RunTyped(absl::Span<void* const> operands) {
    const Geometry& g = geometry;
    const int32_t src_zero =
        Side<S>::RightZero(src_zero_operand < 0 ? 0 : ReadByte(operands[src_zero_operand], src_signed));
    const auto* weights_zeros =
        weights_zero_operand < 0 ? nullptr : static_cast<const W*>(operands[weights_zero_operand]);
    const auto* bias = bias_operand < 0 ? nullptr : static_cast<const int32_t*>(operands[bias_operand]);
    char* workspace = static_cast<char*>(operands.back());
    auto* left = reinterpret_cast<int8_t*>(workspace);
    auto* left_rows = reinterpret_cast<LeftRow*>(workspace + weights_bytes());
    char* tiles = workspace + weights_bytes() + rows_bytes();
    PackWeights(static_cast<const W*>(operands[1]), weights_zeros, left, left_rows);
    const bool zeros_in_rows =
        std::any_of(left_rows, left_rows + channels(), [](const LeftRow& row) { return row.zero != 0; });
    const int64_t positions = g.out[0] * g.out[1] * g.out[2];
    const int64_t blocks = (positions + kTileColumns - 1) / kTileColumns;
    // Where there are fewer tiles than threads, their rows are divided too.
    const int64_t images = g.batch * g.groups * blocks;
    const int64_t row_parts = std::clamp<int64_t>((slots() + images - 1) / std::max<int64_t>(1, images), 1,
                                                  std::max<int64_t>(1, g.out_channels / (4 * kTileRows)));
    const int64_t rows_each = (g.out_channels + row_parts - 1) / row_parts;
    const int64_t tasks = images * row_parts;
    const int64_t used = std::min(slots(), tasks);
    const int64_t work = kTileColumns * elements() * rows_each;
    // A slot of the workspace each; tasks go round.
    cpu::ParallelFor(used, work * tasks < 65536 ? used : 1, [&](int64_t begin, int64_t end) {
      for (int64_t slot = begin; slot < end; ++slot) {
        auto* right = reinterpret_cast<uint8_t*>(tiles + slot * tile_bytes());
        alignas(64) int32_t sums[kTileColumns], zeros[kTileColumns];
        std::fill(zeros, zeros + kTileColumns, src_zero);
        for (int64_t task = slot; task < tasks; task += used) {
          const int64_t block = task / row_parts % blocks, group = task / (row_parts * blocks) % g.groups;
          const int64_t n = task / (row_parts * blocks * g.groups);
          const int64_t first_row = task % row_parts * rows_each;
          const Positions at =
              PositionsOf(g, block * kTileColumns, std::min(kTileColumns, positions - block * kTileColumns));
          const auto* src = static_cast<const uint8_t*>(operands[0]) + n * g.src[0] + group * g.in_channels * g.src[1];
          GatherFours(g, src, Side<S>::kRightFlip, static_cast<uint8_t>(src_zero), at, right);
          if (zeros_in_rows) SumColumns(right, quads(), sums);
          auto* dst = static_cast<int32_t*>(operands[dst_operand]) + n * g.dst[0];
          const int64_t channel = group * g.out_channels;
          RunRows(left, left_rows, channel + first_row, channel + std::min(g.out_channels, first_row + rows_each),
                  right, zeros, zeros_in_rows ? sums : nullptr, at, bias, dst);
        }
      }
    });
  }

  // Output channels [begin, end) at the positions of one tile.
  void RunRows(const int8_t* left, const LeftRow* left_rows, int64_t begin, int64_t end, const uint8_t* right,
               const int32_t* zeros, const int32_t* column_sums, const Positions& at, const int32_t* bias,
               int32_t* dst) const {
    alignas(64) int32_t tile[kTileRows * kTileColumns];
    const int64_t row_bytes = 4 * quads();
    for (int64_t channel = begin; channel < end; channel += kTileRows) {
      const int64_t rows = std::min(kTileRows, end - channel);
      MultiplyTile(left + channel * row_bytes, row_bytes, rows, right, quads(), at.count, tile);
      for (int64_t r = 0; r < rows; ++r) {
        int32_t* to = dst + (channel + r) * geometry.dst[1];
        TakeOutZeros(left_rows[channel + r], zeros, column_sums, tile + r * kTileColumns);
        const uint32_t shift = bias == nullptr ? 0 : static_cast<uint32_t>(bias[channel + r]);
        const auto* from = reinterpret_cast<const uint32_t*>(tile + r * kTileColumns);
        if (at.adjacent) {
          for (int64_t i = 0; i < at.count; ++i) to[at.offset[0] + i] = static_cast<int32_t>(from[i] + shift);
        } else {
          for (int64_t i = 0; i < at.count; ++i) to[at.offset[i]] = static_cast<int32_t>(from[i] + shift);
        }
      }
    }
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
    return absl::UnimplementedError(
        absl::StrCat("an integer convolution has 1 to 3 spatial dimensions, not ", spatial));
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
  double elements = 1;
  for (int64_t dim : weights->dims) elements *= static_cast<double>(dim);
  if (elements * kQuadBytes > kMostBytes) {
    return absl::InvalidArgumentError("an integer convolution of more than 1e12 bytes");
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
