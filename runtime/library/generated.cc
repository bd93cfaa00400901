#include "runtime/library/generated.h"

#include "absl/strings/str_cat.h"

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

}  // namespace

absl::Status CheckGenerated(const plan::LibraryOp& op) {
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
    case plan::LibraryOp::kAttention: {
      // Few queries leave the GPU empty, and halves go through tensor cores as products of the library.
      const plan::Attention& attention = op.attention();
      const bool worth = attention.q().dtype() == plan::F32 && attention.q().dims(2) >= 16 &&
                         attention.q().dims(3) <= 128 && attention.v().dims(3) <= 128;
      return worth ? absl::OkStatus() : absl::UnimplementedError("products and a softmax are faster than one kernel");
    }
    case plan::LibraryOp::kRecurrent:
    case plan::LibraryOp::kPack:
      return absl::OkStatus();
    default:
      return absl::UnimplementedError("no generated kernel for this kind of operation");
  }
}

}  // namespace plimsoll::runtime
