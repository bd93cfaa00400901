#include <algorithm>

#include "absl/strings/str_cat.h"
#include "compiler/codegen/cuda/library_kernel.h"
#include "compiler/codegen/cuda/library_views.h"

namespace plimsoll::codegen {

absl::StatusOr<LibraryKernel> PlanAttention(const plan::Attention& op, const CudaTarget&) {
  auto q = TensorOf(op.q()), k = TensorOf(op.k()), v = TensorOf(op.v()), dst = TensorOf(op.dst());
  for (const auto* tensor : {&q, &k, &v, &dst}) {
    if (!tensor->ok()) return tensor->status();
    if ((*tensor)->dims.size() != 4) return absl::InvalidArgumentError("attention's operands have four dims");
  }
  auto sum = SumType({q->dtype, k->dtype, v->dtype, dst->dtype});
  if (!sum.ok()) return sum.status();
  if (*sum != "f32") return absl::UnimplementedError("attention in other than floats of at most 32 bits");
  const int64_t batch = q->dims[0], heads = q->dims[1], queries = q->dims[2], size = q->dims[3], groups = k->dims[1],
                keys = k->dims[2], value_size = v->dims[3];
  if (k->dims[0] != batch || v->dims[0] != batch || v->dims[1] != groups || v->dims[2] != keys || k->dims[3] != size ||
      dst->dims != std::vector<int64_t>{batch, heads, queries, value_size} ||
      (groups == 0 ? heads > 0 : heads % groups != 0))
    return absl::InvalidArgumentError("attention's shapes do not agree");
  device::Attention attention = {};
  attention.mask = device::kNone;
  attention.destination = 3;
  std::vector<int64_t> mask_strides(4, 0);
  if (op.has_mask()) {
    auto mask = TensorOf(op.mask(), 4);
    if (!mask.ok()) return mask.status();
    if (!IsFloat(mask->dtype) || mask->dtype == plan::F64)
      return absl::UnimplementedError(absl::StrCat("an attention's mask of ", plan::DataType_Name(mask->dtype)));
    auto strides = BroadcastStrides(*mask, {batch, heads, queries, keys}, "an attention's mask");
    if (!strides.ok()) return strides.status();
    mask_strides = *std::move(strides);
    attention.mask = attention.destination++;
    attention.mask_type = static_cast<int>(mask->dtype);
  }
  LibraryKernel kernel;
  kernel.skeleton = "attention";
  kernel.operands = attention.destination + 1;
  kernel.read_only = (uint64_t{1} << attention.destination) - 1;
  if (dst->elements() == 0) return kernel;
  if (size > 256 || value_size > 256)
    return absl::UnimplementedError(
        absl::StrCat("attention with ", std::max(size, value_size), " elements a head: 256 are the most"));
  attention.batch = static_cast<int>(batch);
  attention.heads = static_cast<int>(heads);
  attention.groups = static_cast<int>(groups);
  attention.queries = static_cast<int>(queries);
  attention.keys = static_cast<int>(keys);
  attention.size = static_cast<int>(size);
  attention.value_size = static_cast<int>(value_size);
  attention.scale = op.scale();
  attention.zero_if_nan = op.zero_if_nan();
  attention.q_type = static_cast<int>(q->dtype);
  attention.k_type = static_cast<int>(k->dtype);
  attention.v_type = static_cast<int>(v->dtype);
  attention.destination_type = static_cast<int>(dst->dtype);
  auto width = [](const Tensor& tensor) {  // along the last dim
    int w = 1;
    auto fits = [&](int64_t next) {
      return tensor.strides[3] == 1 && next * BytesOf(tensor.dtype) <= 16 && tensor.dims[3] % next == 0 &&
             tensor.strides[0] % next == 0 && tensor.strides[1] % next == 0 && tensor.strides[2] % next == 0;
    };
    while (fits(2 * w)) w *= 2;
    return w;
  };
  attention.q_width = width(*q);
  attention.k_width = width(*k);
  attention.v_width = width(*v);
  for (int i = 0; i < 4; ++i) {
    attention.q[i] = q->strides[i];
    attention.k[i] = k->strides[i];
    attention.v[i] = v->strides[i];
    attention.mask_strides[i] = mask_strides[i];
    attention.to[i] = dst->strides[i];
  }
  int64_t tile = 1;
  kernel.function = "attention_row";
  if (queries > 4) {
    tile = std::max(size, value_size) <= 128 ? 32 : 16;
    kernel.function = absl::StrCat("attention", tile);
  }
  kernel.blocks = batch * heads * ((queries + tile - 1) / tile);
  if (static_cast<double>(batch) * static_cast<double>(heads) * static_cast<double>(queries) >= 2e9)
    return absl::UnimplementedError("a grid of more than 2^31 blocks");
  kernel.description.assign(reinterpret_cast<const char*>(&attention), sizeof(attention));
  return kernel;
}

}  // namespace plimsoll::codegen
