#include "runtime/library/cudnn/attention_layer.h"

#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/library/generated.h"
#include "runtime/library/nvidia/address.h"
#include "runtime/library/nvidia/description.h"

namespace plimsoll::runtime::cudnn {
namespace {

using nvidia::Dims;
using nvidia::View;

constexpr int kRank = 4;
constexpr int64_t kMostInt = std::numeric_limits<int32_t>::max();
constexpr int64_t kMostHeadSize = 256;

int64_t Count(const Dims& dims) {
  __int128 count = 1;
  for (int64_t dim : dims) count = count > kMostInt ? count : count * dim;
  return count > kMostInt ? kMostInt + 1 : static_cast<int64_t>(count);
}

// A head's elements side by side, everything else at multiples of 16 bytes: engines load so much at once, and take
// other strides without a word.
absl::Status CheckStrides(const View& view, plan::DataType type) {
  const int64_t step = nvidia::kOperandAlignment / nvidia::ElementBytes(type);
  for (int i = 0; i < kRank; ++i) {
    const bool is_last = i == kRank - 1;
    if (view.dims[i] > 1 && (is_last ? view.strides[i] != 1 : view.strides[i] % step != 0)) {
      return absl::UnimplementedError(absl::StrCat("cuDNN's attention reads ", nvidia::kOperandAlignment,
                                                   " bytes of a head at once: not with a stride of ", view.strides[i]));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<AttentionLayer::Tensor> TensorOf(const plan::MemoryDesc& desc, int operand) {
  absl::StatusOr<View> view = nvidia::ViewOf(desc, kRank);
  if (!view.ok()) return view.status();
  if (view->dims.size() != kRank) return absl::InvalidArgumentError("attention over tensors of more than four dims");
  if (desc.packed_bytes() != 0) return absl::InvalidArgumentError("cuDNN has no layout of its own");
  return AttentionLayer::Tensor{operand, desc.dtype(), view->dims, view->strides};
}

absl::Status CheckDims(const AttentionLayer& layer) {
  const Dims &q = layer.q.dims, &k = layer.k.dims, &v = layer.v.dims;
  if (k[0] != q[0] || v[0] != q[0] || k[3] != q[3] || v[1] != k[1] || v[2] != k[2] || k[1] == 0 || q[1] % k[1] != 0 ||
      layer.dst.dims != Dims{q[0], q[1], q[2], v[3]}) {
    return absl::InvalidArgumentError("attention whose queries, keys, values and result do not fit together");
  }
  if (layer.stats && layer.stats->dims != Dims{q[0], q[1], q[2], 1})
    return absl::InvalidArgumentError("an attention's statistics without one element a query");
  const Dims scores = {q[0], q[1], q[2], k[2]};
  for (int i = 0; layer.mask && i < kRank; ++i) {
    if (layer.mask->dims[i] != 1 && layer.mask->dims[i] != scores[i])
      return absl::InvalidArgumentError("a mask that does not fit the scores");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<AttentionLayer> AttentionLayerOf(const plan::LibraryOp& library_op, const plan::Target& target) {
  if (!library_op.has_attention()) return absl::UnimplementedError("no attention");
  const plan::Attention& op = library_op.attention();
  absl::StatusOr<int> architecture = nvidia::ArchitectureOf(target);
  if (!architecture.ok()) return architecture.status();
  const plan::DataType type = op.q().dtype();
  const bool is_half = type == plan::F16 || type == plan::BF16;
  if (!is_half || op.k().dtype() != type || op.v().dtype() != type || op.dst().dtype() != type) {
    return absl::UnimplementedError("cuDNN's attention is of f16 or bf16 here, one type for all");
  }
  if (*architecture < 80) return absl::UnimplementedError("cuDNN's attention needs sm_80");
  // What rows come to whose scores are all -infinity is not documented.
  if (op.zero_if_nan()) return absl::UnimplementedError("cuDNN says nothing of rows that a mask forbids");

  AttentionLayer layer;
  layer.scale = op.scale();
  absl::StatusOr<AttentionLayer::Tensor> q = TensorOf(op.q(), 0), k = TensorOf(op.k(), 1), v = TensorOf(op.v(), 2);
  layer.operands = 3 + (op.has_mask() ? 1 : 0);
  absl::StatusOr<AttentionLayer::Tensor> dst = TensorOf(op.dst(), layer.operands++);
  for (const auto* tensor : {&q, &k, &v, &dst}) {
    if (!tensor->ok()) return tensor->status();
  }
  layer.q = *q, layer.k = *k, layer.v = *v, layer.dst = *dst;
  if (op.has_mask()) {
    absl::StatusOr<AttentionLayer::Tensor> mask = TensorOf(op.mask(), 3);
    if (!mask.ok()) return mask.status();
    if (mask->dtype != type && mask->dtype != plan::F32)
      return absl::UnimplementedError("cuDNN's attention has masks of its own type or of f32");
    layer.mask = *std::move(mask);
  }
  if (op.has_stats()) {
    absl::StatusOr<AttentionLayer::Tensor> stats = TensorOf(op.stats(), layer.operands++);
    if (!stats.ok()) return stats.status();
    if (stats->dtype != plan::F32) return absl::InvalidArgumentError("an attention's statistics are f32");
    layer.stats = *std::move(stats);
  }
  if (absl::Status status = CheckDims(layer); !status.ok()) return status;
  layer.is_empty = nvidia::HasZeroElements(op.dst());
  if (layer.is_empty && !layer.stats) return layer;
  for (const auto* tensor : {&layer.q, &layer.k, &layer.v, &layer.dst}) {
    if (Count(tensor->dims) == 0) return absl::UnimplementedError("attention over zero elements");
    if (Count(tensor->dims) > kMostInt) return absl::UnimplementedError("a tensor of 2^31 elements");
    if (tensor->dims[3] % 8 != 0 || tensor->dims[3] > kMostHeadSize) {
      return absl::UnimplementedError(absl::StrCat("cuDNN's attention has heads of multiples of 8, up to ",
                                                   kMostHeadSize, ", not ", tensor->dims[3]));
    }
    if (absl::Status status = CheckStrides({tensor->dims, tensor->strides}, type); !status.ok()) return status;
  }
  if (layer.q.dims[2] <= kFewQueries)
    return absl::UnimplementedError("few queries: a generated kernel shares out keys");
  if (layer.mask) {
    for (int i = 0; i < kRank; ++i) {  // broadcast by their dims alone
      if (layer.mask->dims[i] > 1 && (layer.mask->strides[i] == 0 || (i == kRank - 1 && layer.mask->strides[i] != 1)))
        return absl::UnimplementedError("a mask whose rows are not contiguous");
    }
  }
  std::swap(layer.k.dims[2], layer.k.dims[3]);
  std::swap(layer.k.strides[2], layer.k.strides[3]);
  return layer;
}

}  // namespace plimsoll::runtime::cudnn
