#include "runtime/library/cudnn/layer.h"

#include <algorithm>
#include <limits>

#include "absl/strings/str_cat.h"
#include "runtime/library/cudnn/prepared_graph.h"
#include "runtime/library/nvidia/address.h"
#include "runtime/library/nvidia/description.h"

namespace plimsoll::runtime::cudnn {
namespace {

using nvidia::Dims;
using nvidia::View;

constexpr int64_t kMostInt = std::numeric_limits<int32_t>::max();

int64_t Count(const Dims& dims) {
  __int128 count = 1;
  for (int64_t dim : dims) count *= dim;
  return count > kMostInt ? kMostInt + 1 : static_cast<int64_t>(count);
}

// Strides of a dense tensor with the dims in `order`, the outermost first.
Dims DenseStrides(const Dims& dims, const std::vector<int>& order) {
  Dims strides(dims.size());
  int64_t stride = 1;
  for (size_t i = order.size(); i-- > 0; stride *= dims[order[i]]) strides[order[i]] = stride;
  return strides;
}

std::vector<int> Order(size_t rank, bool channels_last) {
  std::vector<int> order = {0};
  if (!channels_last) order.push_back(1);
  for (size_t i = 2; i < rank; ++i) order.push_back(static_cast<int>(i));
  if (channels_last) order.push_back(1);
  return order;
}

// Strides of dims of size 1 say nothing.
bool IsDense(const View& view, bool channels_last) {
  const Dims dense = DenseStrides(view.dims, Order(view.dims.size(), channels_last));
  for (size_t i = 0; i < dense.size(); ++i) {
    if (view.dims[i] != 1 && view.strides[i] != dense[i]) return false;
  }
  return true;
}

struct Geometry {
  Dims pads_begin, pads_end, strides, dilations;
};

absl::StatusOr<Geometry> GeometryOf(const plan::Convolution& op, int spatial) {
  Geometry geometry;
  const std::pair<const google::protobuf::RepeatedField<int64_t>*, Dims*> lists[] = {
      {&op.pads_begin(), &geometry.pads_begin},
      {&op.pads_end(), &geometry.pads_end},
      {&op.strides(), &geometry.strides},
      {&op.dilations(), &geometry.dilations}};
  for (const auto& [from, to] : lists) {
    if (!from->empty() && from->size() != spatial) {
      return absl::InvalidArgumentError("a convolution's strides, dilations or pads do not match its dimensions");
    }
    const bool is_pad = from == &op.pads_begin() || from == &op.pads_end();
    to->assign(from->begin(), from->end());
    if (to->empty()) to->assign(spatial, is_pad ? 0 : 1);
    for (int64_t value : *to) {
      if (value < (is_pad ? 0 : 1) || value > kMostInt) {
        return is_pad && value < 0 && value >= -kMostInt
                   ? absl::UnimplementedError("a convolution that cuts its source's edges off")
                   : absl::InvalidArgumentError(absl::StrCat("a stride, dilation or pad of ", value));
      }
    }
  }
  return geometry;
}

// A tensor's dims with a spatial one of size 1 in front of one.
Dims WithTwo(Dims dims) {
  if (dims.size() == 3) dims.insert(dims.begin() + 2, 1);
  return dims;
}
Layer::Tensor TensorOf(const Dims& dims, bool channels_last, int operand) {
  const Dims two = WithTwo(dims);
  return {operand, two, DenseStrides(two, Order(two.size(), channels_last))};
}

absl::Status CheckTypes(const plan::Convolution& op, int architecture) {
  const plan::DataType type = op.src().dtype();
  const bool same =
      op.weights().dtype() == type && op.dst().dtype() == type && (!op.has_bias() || op.bias().dtype() == type);
  if (!same || !(type == plan::F32 || type == plan::F16 || type == plan::BF16) || op.has_src_zero_point() ||
      op.has_weights_zero_point()) {
    return absl::UnimplementedError(absl::StrCat("cuDNN convolves tensors of one type of f32, f16 and bf16 here, not ",
                                                 plan::DataType_Name(type), " to ",
                                                 plan::DataType_Name(op.dst().dtype())));
  }
  if (type == plan::BF16 && architecture < 80) return absl::UnimplementedError("cuDNN has bf16 from sm_80 on");
  if (op.src().packed_bytes() != 0 || op.dst().packed_bytes() != 0 || op.weights().packed_bytes() != 0) {
    return absl::InvalidArgumentError("cuDNN has no layout of its own: packed weights are described by their strides");
  }
  return absl::OkStatus();
}

// The sizes of the convolution y = x * w, of which each of x, y, w, groups may be wrong.
absl::Status CheckSizes(const Dims& x, const Dims& y, const Dims& w, int64_t groups, const Geometry& geometry) {
  if (x[0] != y[0] || x[1] % groups != 0 || w[0] % groups != 0 || w[0] != y[1] || w[1] != x[1] / groups) {
    return absl::InvalidArgumentError("a convolution whose channels, groups or batches do not fit together");
  }
  for (size_t i = 2; i < x.size(); ++i) {
    const __int128 range = static_cast<__int128>(w[i] - 1) * geometry.dilations[i - 2] + 1;
    const __int128 padded = static_cast<__int128>(x[i]) + geometry.pads_begin[i - 2] + geometry.pads_end[i - 2];
    const __int128 size = padded < range ? 0 : (padded - range) / geometry.strides[i - 2] + 1;
    if (size != y[i]) {
      return absl::UnimplementedError(absl::StrCat("pads of ", geometry.pads_begin[i - 2], " and ",
                                                   geometry.pads_end[i - 2], " for ", x[i], " elements to ", y[i]));
    }
  }
  return absl::OkStatus();
}

absl::Status SetEpilogue(const plan::Convolution& op, Layer& layer) {
  absl::StatusOr<nvidia::Epilogue> epilogue = nvidia::EpilogueOf(op.post_ops(), op.dst());
  if (!epilogue.ok()) return epilogue.status();
  if (epilogue->activation == nvidia::Activation::kGeluTanh) return absl::UnimplementedError("cuDNN has relu only");
  layer.has_relu = epilogue->activation == nvidia::Activation::kRelu;
  const bool has_operand = epilogue->addend == nvidia::Epilogue::Addend::kOperand;
  layer.addend = has_operand                                                  ? Layer::Addend::kOperand
                 : epilogue->addend == nvidia::Epilogue::Addend::kDestination ? Layer::Addend::kDestination
                                                                              : Layer::Addend::kNone;
  layer.bias_operand = op.has_bias() ? 2 : -1;
  const int dst_operand = 2 + (op.has_bias() ? 1 : 0) + (has_operand ? 1 : 0);
  layer.addend_operand = has_operand ? dst_operand - 1 : layer.addend == Layer::Addend::kDestination ? dst_operand : -1;
  layer.operands = dst_operand + 1;
  if (layer.is_transposed && (op.has_bias() || !op.post_ops().empty()))
    return absl::UnimplementedError("cuDNN's transposed convolution is alone");
  if (!op.has_bias() && (layer.has_relu || has_operand)) {
    return absl::UnimplementedError("cuDNN computes relu and residuals beside a bias only");
  }
  if (has_operand) {
    absl::StatusOr<View> addend = nvidia::ViewOf(epilogue->operand, 0), dst = nvidia::ViewOf(op.dst(), 0);
    if (!addend.ok()) return addend.status();
    if (!dst.ok()) return dst.status();
    for (size_t i = 0; i < dst->dims.size(); ++i) {
      if (dst->dims[i] != 1 && addend->strides[i] != dst->strides[i]) {
        return absl::UnimplementedError("a residual in another layout than the result");
      }
    }
  }
  return absl::OkStatus();
}

// Where the weights' channels lie, given where the data's do.
absl::Status SetWeights(const View& view, Layer& layer) {
  layer.weights = TensorOf(view.dims, layer.channels_last, 1);
  if (IsDense(view, layer.channels_last)) return absl::OkStatus();
  if (!layer.channels_last)
    return absl::UnimplementedError("weights that are not dense, beside channels that come first");
  layer.wanted_packed_bytes = Count(view.dims) * nvidia::ElementBytes(layer.dtype);
  return absl::OkStatus();
}

}  // namespace

int64_t WorkspaceCap(const Layer& layer) {
  constexpr int64_t kMiB = int64_t{1} << 20, kGranule = int64_t{64} << 10, kMostParts = 32, kPartialSumBytes = 4;
  int64_t bytes = std::min(8 * kMiB, Count(layer.destination().dims) * kMostParts * kPartialSumBytes);
  if (!layer.channels_last) {
    bytes +=
        (Count(layer.x.dims) + Count(layer.y.dims) + Count(layer.weights.dims)) * nvidia::ElementBytes(layer.dtype);
  }
  return std::min(64 * kMiB, (bytes + kGranule - 1) / kGranule * kGranule) + kWorkspaceAlignment -
         nvidia::kOperandAlignment;
}

absl::StatusOr<Layer> LayerOf(const plan::LibraryOp& library_op, const plan::Target& target) {
  if (!library_op.has_convolution()) return absl::UnimplementedError("cuDNN computes convolutions only here");
  const plan::Convolution& op = library_op.convolution();
  absl::StatusOr<int> architecture = nvidia::ArchitectureOf(target);
  if (!architecture.ok()) return architecture.status();
  const int rank = op.src().dims_size(), spatial = rank - 2;
  if (spatial < 1 || op.dst().dims_size() != rank || op.weights().dims_size() != rank || op.groups() < 1) {
    return absl::InvalidArgumentError("a convolution's source, weights and destination differ in rank, or groups < 1");
  }
  if (spatial > 3) return absl::UnimplementedError("cuDNN convolves 1 to 3 spatial dimensions");
  if (absl::Status status = CheckTypes(op, *architecture); !status.ok()) return status;

  Layer layer;
  layer.dtype = op.src().dtype();
  layer.is_transposed = op.transposed();
  layer.tf32 = library_op.tf32() && layer.dtype == plan::F32;
  if (absl::Status status = SetEpilogue(op, layer); !status.ok()) return status;
  absl::StatusOr<Geometry> geometry = GeometryOf(op, spatial);
  if (!geometry.ok()) return geometry.status();
  absl::StatusOr<View> src = nvidia::ViewOf(op.src(), rank), dst = nvidia::ViewOf(op.dst(), rank),
                       weights = nvidia::ViewOf(op.weights(), rank);
  for (const auto* view : {&src, &dst, &weights}) {
    if (!view->ok()) return view->status();
  }
  layer.is_empty = nvidia::HasZeroElements(op.dst());
  if (layer.is_empty) return layer;
  if (nvidia::HasZeroElements(op.src()) || nvidia::HasZeroElements(op.weights())) {
    return absl::UnimplementedError("a convolution over zero elements: its result is a constant");
  }
  for (const auto* view : {&src, &dst, &weights}) {
    if (Count((*view)->dims) > kMostInt) return absl::UnimplementedError("a tensor of 2^31 elements");
  }
  const Dims& x = layer.is_transposed ? dst->dims : src->dims;
  const Dims& y = layer.is_transposed ? src->dims : dst->dims;
  if (absl::Status status = CheckSizes(x, y, weights->dims, op.groups(), *geometry); !status.ok()) return status;
  if (op.has_bias()) {
    absl::StatusOr<View> bias = nvidia::ViewOf(op.bias(), 0);
    if (!bias.ok()) return bias.status();
    if (Count(bias->dims) != dst->dims[1]) return absl::InvalidArgumentError("a bias without one element a channel");
    for (size_t i = 0; i < bias->dims.size(); ++i) {
      if (bias->dims[i] != 1 && bias->strides[i] != 1) return absl::UnimplementedError("a bias with gaps");
    }
  }
  if (!IsDense(*src, false) || !IsDense(*dst, false)) {
    if (!IsDense(*src, true) || !IsDense(*dst, true)) {
      return absl::UnimplementedError("source and destination are not dense in one layout, channels first or last");
    }
    layer.channels_last = true;
  }
  if (absl::Status status = SetWeights(*weights, layer); !status.ok()) return status;
  layer.x = TensorOf(x, layer.channels_last, layer.is_transposed ? layer.operands - 1 : 0);
  layer.y = TensorOf(y, layer.channels_last, layer.is_transposed ? 0 : layer.operands - 1);
  layer.groups = op.groups();
  layer.pads_begin = geometry->pads_begin, layer.pads_end = geometry->pads_end;
  layer.strides = geometry->strides, layer.dilations = geometry->dilations;
  if (spatial == 1) {
    for (Dims* pads : {&layer.pads_begin, &layer.pads_end}) pads->insert(pads->begin(), 0);
    for (Dims* steps : {&layer.strides, &layer.dilations}) steps->insert(steps->begin(), 1);
  }
  layer.workspace_bytes = WorkspaceCap(layer);
  return layer;
}

}  // namespace plimsoll::runtime::cudnn
