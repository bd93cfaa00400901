#include "compiler/codegen/cuda/library_views.h"

#include <algorithm>
#include <limits>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace plimsoll::codegen {
namespace {

constexpr int64_t kMost = std::numeric_limits<int32_t>::max();

void RemoveDim(AxisStrides& axis, int dim) {
  for (int i = dim; i + 1 < axis.axis->dims; ++i) {
    axis.axis->extents[i] = axis.axis->extents[i + 1];
    for (long long* strides : axis.strides) strides[i] = strides[i + 1];
  }
  const int last = --axis.axis->dims;
  axis.axis->extents[last] = 0;
  for (long long* strides : axis.strides) strides[last] = 0;
  for (int* seen : axis.window_dims)
    if (*seen > dim) --*seen;
}

struct Function {
  const char* name;
  device::PostOp::Function function;
};
using P = device::PostOp;
constexpr Function kEltwise[] = {{"relu", P::kRelu},
                                 {"leaky_relu", P::kLeakyRelu},
                                 {"clip", P::kClip},
                                 {"sigmoid", P::kSigmoid},
                                 {"tanh", P::kTanh},
                                 {"gelu_erf", P::kGeluErf},
                                 {"gelu_tanh", P::kGeluTanh},
                                 {"silu", P::kSilu},
                                 {"hard_swish", P::kHardSwish},
                                 {"elu", P::kElu},
                                 {"softplus", P::kSoftplus},
                                 {"hard_sigmoid", P::kHardSigmoid},
                                 {"mish", P::kMish},
                                 {"exp", P::kExp},
                                 {"abs", P::kAbs},
                                 {"sqrt", P::kSqrt},
                                 {"square", P::kSquare},
                                 {"linear", P::kLinear}};
constexpr Function kBinary[] = {{"add", P::kAdd}, {"mul", P::kMul}, {"sub", P::kSub},
                                {"div", P::kDiv}, {"max", P::kMax}, {"min", P::kMin}};

}  // namespace

int64_t Tensor::elements() const {
  int64_t count = 1;
  for (int64_t dim : dims) count *= dim;
  return count;
}

absl::StatusOr<Tensor> TensorOf(const plan::MemoryDesc& desc, int rank) {
  if (desc.packed_bytes() > 0) return absl::UnimplementedError("an operand in a library's own packed layout");
  if (!desc.strides().empty() && desc.strides_size() != desc.dims_size())
    return absl::InvalidArgumentError("a tensor whose strides do not match its dims");
  Tensor tensor;
  tensor.dtype = desc.dtype();
  tensor.dims.assign(desc.dims().begin(), desc.dims().end());
  double elements = 1, span = 1;
  for (int64_t dim : tensor.dims) {
    if (dim < 0) return absl::InvalidArgumentError(absl::StrCat("a dim of ", dim));
    if (dim > kMost) return absl::UnimplementedError(absl::StrCat("a dim of ", dim, " elements"));
    elements *= static_cast<double>(dim);
  }
  tensor.strides.assign(desc.strides().begin(), desc.strides().end());
  if (tensor.strides.empty() && elements < 1e15) {
    tensor.strides.resize(tensor.dims.size());
    int64_t stride = 1;
    for (size_t i = tensor.dims.size(); i-- > 0; stride *= tensor.dims[i]) tensor.strides[i] = stride;
  }
  for (size_t i = 0; i < tensor.strides.size(); ++i) {
    if (tensor.strides[i] < 0) return absl::InvalidArgumentError(absl::StrCat("a stride of ", tensor.strides[i]));
    span += static_cast<double>(tensor.strides[i]) * static_cast<double>(std::max<int64_t>(tensor.dims[i], 1) - 1);
  }
  if (elements >= 1e15 || span >= 1e15) return absl::UnimplementedError("a tensor of 1e15 elements");
  if (rank > 0 && static_cast<int>(tensor.dims.size()) > rank)
    return absl::InvalidArgumentError(
        absl::StrCat("an operand of rank ", tensor.dims.size(), " where ", rank, " is the most"));
  while (static_cast<int>(tensor.dims.size()) < rank) {
    tensor.dims.insert(tensor.dims.begin(), 1);
    tensor.strides.insert(tensor.strides.begin(), 0);
  }
  return tensor;
}

bool IsFloat(plan::DataType type) { return type >= plan::F16 && type <= plan::F8E5M2FNUZ; }
bool IsInteger(plan::DataType type) { return type >= plan::I8 && type <= plan::U64; }

int BytesOf(plan::DataType type) {
  switch (type) {
    case plan::I64:
    case plan::U64:
    case plan::F64:
      return 8;
    case plan::I32:
    case plan::U32:
    case plan::F32:
      return 4;
    case plan::I16:
    case plan::U16:
    case plan::F16:
    case plan::BF16:
      return 2;
    default:
      return 1;
  }
}

absl::StatusOr<std::string> SumType(absl::Span<const plan::DataType> types) {
  int floats = 0, integers = 0, wide = 0;
  for (plan::DataType type : types) {
    floats += IsFloat(type);
    integers += IsInteger(type);
    wide += BytesOf(type) == 8;
  }
  const int count = static_cast<int>(types.size());
  if (floats == count) return std::string(wide > 0 ? "f64" : "f32");
  if (integers == count) return std::string(wide > 0 ? "u64" : "u32");
  return absl::UnimplementedError(
      absl::StrCat("elements of types ", absl::StrJoin(types, ", ", [](std::string* out, plan::DataType type) {
                     absl::StrAppend(out, plan::DataType_Name(type));
                   })));
}

absl::Status AddDim(AxisStrides& axis, int64_t extent, absl::Span<const int64_t> strides) {
  if (axis.axis->dims == device::kDims)
    return absl::UnimplementedError(absl::StrCat("more than ", device::kDims, " dims of one kind"));
  const int dim = axis.axis->dims++;
  axis.axis->extents[dim] = static_cast<int>(extent);
  for (size_t i = 0; i < axis.strides.size(); ++i) axis.strides[i][dim] = strides[i];
  return absl::OkStatus();
}

absl::Status Close(AxisStrides& axis) {
  device::Axis& a = *axis.axis;
  auto pinned = [&](int dim) {
    return std::any_of(axis.window_dims.begin(), axis.window_dims.end(), [&](int* seen) { return *seen == dim; });
  };
  for (int i = a.dims - 1; i >= 0; --i)
    if (a.extents[i] == 1 && !pinned(i)) RemoveDim(axis, i);
  for (int i = a.dims - 2; i >= 0; --i) {
    if (pinned(i) || pinned(i + 1)) continue;
    const bool follow = std::all_of(axis.strides.begin(), axis.strides.end(),
                                    [&](long long* s) { return s[i] == s[i + 1] * a.extents[i + 1]; });
    if (!follow || int64_t{a.extents[i]} * a.extents[i + 1] > kMost) continue;
    for (long long* strides : axis.strides) strides[i] = strides[i + 1];
    a.extents[i] *= a.extents[i + 1];
    RemoveDim(axis, i + 1);
  }
  int64_t count = 1;
  for (int i = 0; i < a.dims; ++i) {
    count *= a.extents[i];
    if (count > kMost) return absl::UnimplementedError("2^31 positions along an axis");
  }
  a.count = static_cast<int>(count);
  return absl::OkStatus();
}

int WidthAlong(const device::Axis& axis, const long long* strides, int bytes, int most,
               absl::Span<const std::pair<const device::Axis*, const long long*>> others,
               absl::Span<const device::Window> windows) {
  // Dims that follow each other closely, the fastest first; the others move by multiples.
  int64_t run = 1;
  int dim = axis.dims - 1;
  for (; dim >= 0 && strides[dim] == run; --dim) run *= axis.extents[dim];
  int width = 1;
  auto fits = [&](int64_t w) {
    if (w > most || w * bytes > 16 || run % w != 0) return false;
    for (int i = dim; i >= 0; --i)
      if (strides[i] % w != 0) return false;
    for (const auto& [other, by] : others)
      for (int i = 0; i < other->dims; ++i)
        if (by[i] % w != 0) return false;
    for (const device::Window& window : windows)
      if (window.stride % w != 0) return false;
    return true;
  };
  while (fits(2 * width)) width *= 2;
  return width;
}

int64_t Span(const device::Axis& axis, const long long* strides) {
  int64_t most = 0;
  for (int i = 0; i < axis.dims; ++i) most += std::max(axis.extents[i] - 1, 0) * strides[i];
  return most;
}

absl::StatusOr<std::vector<int64_t>> BroadcastStrides(const Tensor& tensor, absl::Span<const int64_t> dims,
                                                      const char* what) {
  if (tensor.dims.size() != dims.size()) return absl::InvalidArgumentError(absl::StrCat(what, " of another rank"));
  std::vector<int64_t> strides;
  for (size_t i = 0; i < dims.size(); ++i) {
    if (tensor.dims[i] != dims[i] && tensor.dims[i] != 1) {
      return absl::InvalidArgumentError(absl::StrCat(what, " [", absl::StrJoin(tensor.dims, ", "),
                                                     "] does not broadcast to [", absl::StrJoin(dims, ", "), "]"));
    }
    strides.push_back(tensor.dims[i] == 1 ? 0 : tensor.strides[i]);
  }
  return strides;
}

absl::StatusOr<EpilogueBuilder> BuildEpilogue(const plan::MemoryDesc* bias, const PostOps& post_ops,
                                              const Tensor& destination, int first, int zeros, bool floating,
                                              device::Epilogue* epilogue) {
  EpilogueBuilder builder{epilogue};
  const int rank = static_cast<int>(destination.dims.size());
  int operand = first;
  auto add = [&](device::View& view, const Tensor& tensor, const char* what) -> absl::Status {
    auto strides = BroadcastStrides(tensor, destination.dims, what);
    if (!strides.ok()) return strides.status();
    if (IsFloat(tensor.dtype) != floating || (!floating && !IsInteger(tensor.dtype)))
      return absl::UnimplementedError(absl::StrCat(what, " of type ", plan::DataType_Name(tensor.dtype)));
    view.operand = operand++;
    view.type = static_cast<int>(tensor.dtype);
    builder.views.push_back(&view);
    builder.strides.push_back(*std::move(strides));
    return absl::OkStatus();
  };
  epilogue->bias.operand = device::kNone;
  if (bias != nullptr) {
    auto tensor = TensorOf(*bias, rank);
    if (!tensor.ok()) return tensor.status();
    if (absl::Status added = add(epilogue->bias, *tensor, "a bias"); !added.ok()) return added;
  }
  operand += zeros;
  if (!floating && !post_ops.empty()) return absl::UnimplementedError("post-ops of an integer sum");
  if (post_ops.size() > device::kPostOps)
    return absl::UnimplementedError(absl::StrCat("more than ", device::kPostOps, " post-ops"));
  for (const plan::PostOp& from : post_ops) {
    device::PostOp& to = epilogue->post_op[epilogue->post_ops++];
    to.kind = static_cast<int>(from.kind());
    to.alpha = from.alpha();
    to.beta = from.beta();
    to.view.operand = device::kNone;
    bool known = from.kind() == plan::PostOp::SUM;
    auto find = [&](absl::Span<const Function> functions) {
      for (const Function& function : functions) {
        if (from.function() != function.name) continue;
        to.function = function.function;
        known = true;
      }
    };
    if (from.kind() == plan::PostOp::ELTWISE) find(kEltwise);
    if (from.kind() == plan::PostOp::BINARY) find(kBinary);
    if (!known) {
      return absl::UnimplementedError(
          absl::StrCat("post-op ", static_cast<int>(from.kind()), " '", from.function(), "' is unknown"));
    }
    if (from.kind() != plan::PostOp::BINARY) continue;
    auto tensor = TensorOf(from.operand(), rank);
    if (!tensor.ok()) return tensor.status();
    if (absl::Status added = add(to.view, *tensor, "a post-op's operand"); !added.ok()) return added;
  }
  if (absl::Status added = add(epilogue->destination, destination, "a destination"); !added.ok()) return added;
  builder.operands = operand;
  return builder;
}

absl::StatusOr<std::vector<SpatialDim>> SpatialDims(const Tensor& source, const Tensor& destination,
                                                    absl::Span<const int64_t> kernel, const Int64s& strides,
                                                    const Int64s& dilations, const Int64s& pads_begin,
                                                    const Int64s& pads_end, bool transposed) {
  const int spatial = static_cast<int>(kernel.size());
  for (const Int64s* list : {&strides, &dilations, &pads_begin, &pads_end}) {
    if (!list->empty() && list->size() != spatial)
      return absl::InvalidArgumentError("strides, dilations or pads do not match the spatial dimensions");
    for (int64_t value : *list)
      if (value < -(1 << 24) || value > 1 << 24)
        return absl::InvalidArgumentError(absl::StrCat("a stride, dilation or pad of ", value));
  }
  if (spatial > device::kDims) return absl::UnimplementedError(absl::StrCat("windows of ", spatial, " dims"));
  std::vector<SpatialDim> dims(spatial);
  for (int i = 0; i < spatial; ++i) {
    const int64_t stride = strides.empty() ? 1 : strides[i], dilation = dilations.empty() ? 1 : dilations[i],
                  pad = pads_begin.empty() ? 0 : pads_begin[i];
    if (stride < 1 || dilation < 1) return absl::InvalidArgumentError("a stride or dilation below 1");
    SpatialDim& dim = dims[i];
    dim.outer = transposed ? 1 : stride;
    dim.inner = transposed ? -dilation : dilation;
    dim.constant = transposed ? pad : -pad;
    dim.divisor = transposed ? stride : 1;
    dim.limit = source.dims[i + 2];
    dim.kernel = kernel[i];
    dim.result = destination.dims[i + 2];
    constexpr double kRange = 1LL << 31;
    if (static_cast<double>(dim.outer) * static_cast<double>(dim.result) +
            static_cast<double>(dilation) * static_cast<double>(dim.kernel) + std::abs(static_cast<double>(pad)) >=
        kRange)
      return absl::UnimplementedError("windows at positions beyond 2^31");
  }
  return dims;
}

device::Window WindowOf(const SpatialDim& dim, int64_t stride) {
  return {0,
          0,
          static_cast<int>(dim.outer),
          static_cast<int>(dim.inner),
          static_cast<int>(dim.constant),
          static_cast<int>(dim.divisor),
          static_cast<int>(dim.limit),
          0,
          stride};
}

}  // namespace plimsoll::codegen
