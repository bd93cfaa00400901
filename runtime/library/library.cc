#include "runtime/library/library.h"

#include "absl/strings/str_cat.h"
#include "runtime/library/cublaslt/cublaslt.h"
#include "runtime/library/cudnn/cudnn.h"
#include "runtime/library/generated.h"
#include "runtime/library/onednn/onednn.h"

namespace plimsoll::runtime {
namespace {

bool IsCuda(const plan::Target& target) { return target.kind() == plan::Target::CUDA; }

absl::Status NoLibrary(const plan::LibraryOp& op, const plan::Target& target) {
  return absl::UnimplementedError(absl::StrCat("no library '", op.library(), "' in this runtime for ",
                                               plan::Target::Kind_Name(target.kind()),
                                               "; it has: ", IsCuda(target) ? "cublaslt, cudnn" : "onednn"));
}

}  // namespace

std::string LibraryFor(const plan::LibraryOp& op, const plan::Target& target) {
  if (!IsCuda(target)) return "onednn";
  if (op.has_matmul() && cublaslt::Query(op, target).ok()) return "cublaslt";
  // With weights that can be packed, or need not be.
  if (op.has_convolution() && cudnn::Query(op, target, /*constant_weights=*/true).ok()) return "cudnn";
  // Where a generated kernel can stand in.
  if (op.has_attention() && CheckGenerated(op, target).ok() && cudnn::Query(op, target, false).ok()) return "cudnn";
  return "";
}

absl::StatusOr<Requirements> Query(const plan::LibraryOp& op, const plan::Target& target, bool constant_weights) {
  if (IsCuda(target)) {
    if (op.library() == "cublaslt") return cublaslt::Query(op, target);
    if (op.library() == "cudnn") return cudnn::Query(op, target, constant_weights);
    if (!op.library().empty()) return NoLibrary(op, target);
    if (absl::Status status = CheckGenerated(op, target); !status.ok()) return status;
    return Requirements{};
  }
  if (op.library() != "onednn" && !op.library().empty()) return NoLibrary(op, target);
  return onednn::Query(op, target, constant_weights);
}

absl::StatusOr<std::unique_ptr<PreparedOp>> Prepare(const plan::LibraryOp& op, const plan::Target& target,
                                                    const PrepareOptions& options) {
  if (IsCuda(target)) {
    if (op.library() == "cublaslt") return cublaslt::Prepare(op, target, options);
    if (op.library() == "cudnn") return cudnn::Prepare(op, target, options);
    return NoLibrary(op, target);
  }
  if (op.library() != "onednn" && !op.library().empty()) return NoLibrary(op, target);
  return onednn::Prepare(op, target);
}

}  // namespace plimsoll::runtime
