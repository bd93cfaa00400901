#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "compiler/codegen/cuda/library_attention.h"
#include "compiler/codegen/cuda/library_views.h"

namespace plimsoll::codegen {
namespace {

plan::Attention AttentionOf(const plan::AttentionGradient& op) {
  plan::Attention attention;
  *attention.mutable_q() = op.q();
  *attention.mutable_k() = op.k();
  *attention.mutable_v() = op.v();
  if (op.has_mask()) *attention.mutable_mask() = op.mask();
  *attention.mutable_dst() = op.dst();
  *attention.mutable_stats() = op.stats();
  attention.set_scale(op.scale());
  attention.set_zero_if_nan(op.zero_if_nan());
  return attention;
}

// The gradient by an operand, of whose dims it must be. `most`: elements of an access.
absl::Status Describe(const plan::MemoryDesc& desc, const plan::MemoryDesc& by, int operand, int most,
                      device::AttentionGradient::Tensor* to) {
  auto tensor = TensorOf(desc), of = TensorOf(by);
  if (!tensor.ok()) return tensor.status();
  if (!of.ok()) return of.status();
  if (tensor->dims != of->dims) return absl::InvalidArgumentError("attention's gradient by a tensor of other dims");
  if (!IsFloat(tensor->dtype) || tensor->dtype == plan::F64)
    return absl::UnimplementedError(absl::StrCat("attention's gradient in ", plan::DataType_Name(tensor->dtype)));
  to->operand = operand;
  to->type = static_cast<int>(tensor->dtype);
  to->width = WidthOf(tensor->dims, tensor->strides, tensor->dtype, most);
  std::copy(tensor->strides.begin(), tensor->strides.end(), to->strides);
  return absl::OkStatus();
}

// The function, its blocks and threads.
void ChooseKernel(device::AttentionGradient& gradient, const CudaTarget& target, LibraryKernel& kernel) {
  const device::Attention& attention = gradient.attention;
  const int most_size = std::max(attention.size, attention.value_size);
  const int padded = most_size <= 64 ? 64 : most_size <= 128 ? 128 : 256;
  std::string type = TensorTypeOf(attention, target);
  // All that goes through shared memory is of that type too, and there is something to multiply.
  const bool alike = attention.destination_type == attention.q_type && gradient.given.type == attention.q_type &&
                     std::min(attention.to_width, gradient.given.width) >= 2 &&
                     std::min(attention.size, attention.value_size) > 0;
  if (!alike) type.clear();
  // Beside the functions of the device library: rows of a block, and whether dk and dv are different blocks'.
  int64_t rows = 2048 / padded, shares = 1;
  if (!type.empty()) {
    kernel.function = absl::StrCat("attention_gradient", padded, "_", type);
    const bool narrow = padded == 256 || (type == "tf32" && padded == 128);
    rows = narrow ? 32 : 64;
    shares = narrow ? 2 : 1;
    kernel.threads = static_cast<int>(2 * rows);
    kernel.blocks_of_multiprocessor = narrow ? 4 : 2;
    kernel.tensor_type = type;
  } else {
    kernel.function = absl::StrCat("attention_gradient", rows);
  }
  // Of the products of queries and keys, five would do; the scores and their weights' gradients are computed again.
  const double of_size = attention.size, of_value = attention.value_size;
  kernel.repetition = ((3 + shares) * of_size + 3 * of_value) / (3 * of_size + 2 * of_value);
  const int64_t of_keys = shares * attention.batch * attention.groups * Tiles(attention.keys, rows);
  gradient.key_blocks = static_cast<int>(of_keys);
  kernel.blocks = of_keys + int64_t{attention.batch} * attention.heads * Tiles(attention.queries, rows);
}

}  // namespace

absl::StatusOr<LibraryKernel> PlanAttentionGradient(const plan::AttentionGradient& op, const CudaTarget& target) {
  auto attention = DescribeAttention(AttentionOf(op));
  if (!attention.ok()) return attention.status();
  device::AttentionGradient gradient = {};
  gradient.attention = *attention;
  int operand = attention->stats + 1;
  LibraryKernel kernel;
  kernel.skeleton = "attention_gradient";
  kernel.operands = operand + 4;
  kernel.read_only = (uint64_t{1} << (operand + 1)) - 1;
  struct {
    const plan::MemoryDesc &desc, &by;
    device::AttentionGradient::Tensor* to;
    int most;
  } tensors[] = {{op.dst_gradient(), op.dst(), &gradient.given, 16},
                 {op.q_gradient(), op.q(), &gradient.q, 2},
                 {op.k_gradient(), op.k(), &gradient.k, 2},
                 {op.v_gradient(), op.v(), &gradient.v, 2}};
  for (const auto& tensor : tensors) {
    if (absl::Status known = Describe(tensor.desc, tensor.by, operand++, tensor.most, tensor.to); !known.ok())
      return known;
  }
  const auto dst = TensorOf(op.dst());
  gradient.attention.to_width = WidthOf(dst->dims, dst->strides, dst->dtype);
  const double rows =
      static_cast<double>(attention->batch) * (static_cast<double>(attention->heads) * attention->queries +
                                               static_cast<double>(attention->groups) * attention->keys);
  if (attention->heads == 0 && rows > 0) return absl::UnimplementedError("attention without heads");
  if (rows == 0 || std::max(attention->size, attention->value_size) == 0) return kernel;
  if (absl::Status fits = CheckHeadSizes(*attention); !fits.ok()) return fits;
  if (rows >= 1e9 || static_cast<double>(attention->heads) * attention->queries >= 2e9)
    return absl::UnimplementedError("a grid of more than 2^31 blocks");
  ChooseKernel(gradient, target, kernel);
  kernel.description.assign(reinterpret_cast<const char*>(&gradient), sizeof(gradient));
  return kernel;
}

}  // namespace plimsoll::codegen
