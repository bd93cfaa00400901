#include "runtime/library/generated.h"

#include "absl/strings/str_cat.h"
#include "runtime/library/nvidia/description.h"

namespace plimsoll::runtime {
namespace {

bool IsFloat(plan::DataType type) {
  return type == plan::F32 || type == plan::F64 || type == plan::F16 || type == plan::BF16;
}
bool IsByte(plan::DataType type) { return type == plan::I8 || type == plan::U8; }

absl::Status CheckProduct(plan::DataType a, plan::DataType b, plan::DataType result) {
  if (IsFloat(a) && a == b && (result == a || result == plan::F32)) return absl::OkStatus();
  if (IsByte(a) && IsByte(b) && result == plan::I32) return absl::OkStatus();
  return absl::UnimplementedError(absl::StrCat("no generated kernel for products of ", plan::DataType_Name(a), " and ",
                                               plan::DataType_Name(b), " in ", plan::DataType_Name(result)));
}

// Whether one kernel gains over products by a library and a softmax, whose scores are in memory.
bool IsAttentionWorth(const plan::Attention& attention, const plan::Target& target) {
  const int64_t queries = attention.q().dims(2), size = attention.q().dims(3), value_size = attention.v().dims(3);
  const plan::DataType type = attention.q().dtype();
  const bool half = type == plan::F16 || type == plan::BF16;
  if ((type != plan::F32 && !half) || size > 256 || value_size > 256) return false;
  // A decoder's step: one kernel reads keys and values once, where they are, where products want heads that are shared
  // repeated in memory. What would take too few blocks is cut into parts of the keys.
  if (queries <= kFewQueries) return true;
  if (attention.keys_of_part() != 0) return false;
  if (queries < 16) return false;   // most of a tile is empty
  if (type == plan::F32) return size <= 128 && value_size <= 128;
  // Halves by tensor cores, which take them in pairs; without these the library's products win.
  const auto architecture = nvidia::ArchitectureOf(target);
  return architecture.ok() && *architecture >= 80 && size % 2 == 0 && value_size % 2 == 0;
}

// The gradient has a kernel for every shape that attention's kernels take; nothing else computes it.
absl::Status CheckAttentionGradient(const plan::AttentionGradient& op) {
  const plan::MemoryDesc* const tensors[] = {&op.q(),            &op.k(),          &op.v(),          &op.dst(),
                                             &op.dst_gradient(), &op.q_gradient(), &op.k_gradient(), &op.v_gradient()};
  for (const plan::MemoryDesc* tensor : tensors) {
    if (tensor->dims_size() != 4) return absl::InvalidArgumentError("attention's operands have four dims");
    if (!IsFloat(tensor->dtype()) || tensor->dtype() == plan::F64) {
      return absl::UnimplementedError(
          absl::StrCat("no generated kernel for attention's gradient in ", plan::DataType_Name(tensor->dtype())));
    }
    if (tensor->dims(3) > 256) {
      return absl::UnimplementedError(absl::StrCat("no generated kernel for attention's gradient with ",
                                                   tensor->dims(3), " elements a head: 256 are the most"));
    }
  }
  if (op.has_mask() && (!IsFloat(op.mask().dtype()) || op.mask().dtype() == plan::F64)) {
    return absl::UnimplementedError(absl::StrCat("no generated kernel for attention's gradient with a mask of ",
                                                 plan::DataType_Name(op.mask().dtype())));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckGenerated(const plan::LibraryOp& op, const plan::Target& target) {
  switch (op.op_case()) {
    case plan::LibraryOp::kMatmul:
      return CheckProduct(op.matmul().a().dtype(), op.matmul().b().dtype(), op.matmul().dst().dtype());
    case plan::LibraryOp::kConvolution:
      return CheckProduct(op.convolution().src().dtype(), op.convolution().weights().dtype(),
                          op.convolution().dst().dtype());
    case plan::LibraryOp::kPool:
      if (IsFloat(op.pool().src().dtype())) return absl::OkStatus();
      return absl::UnimplementedError(
          absl::StrCat("no generated kernel for poolings of ", plan::DataType_Name(op.pool().src().dtype())));
    case plan::LibraryOp::kAttention:
      if (IsAttentionWorth(op.attention(), target)) return absl::OkStatus();
      return absl::UnimplementedError("products and a softmax are faster than one kernel");
    case plan::LibraryOp::kAttentionGradient:
      return CheckAttentionGradient(op.attention_gradient());
    case plan::LibraryOp::kRecurrent:
    case plan::LibraryOp::kPack:
      return absl::OkStatus();
    default:
      return absl::UnimplementedError("no generated kernel for this kind of operation");
  }
}

}  // namespace plimsoll::runtime
