#include "runtime/library/library.h"

#include "absl/strings/str_cat.h"
#include "runtime/library/onednn/onednn.h"

namespace plimsoll::runtime {
namespace {

absl::Status CheckLibrary(const plan::LibraryOp& op) {
  if (op.library() == "onednn" || op.library().empty()) return absl::OkStatus();
  return absl::UnimplementedError(absl::StrCat("no library '", op.library(), "' in this runtime; it has: onednn"));
}

}  // namespace

std::string LibraryFor(const plan::LibraryOp&, const plan::Target& target) {
  return target.kind() == plan::Target::CPU ? "onednn" : "";
}

absl::StatusOr<Requirements> Query(const plan::LibraryOp& op, const plan::Target& target, bool constant_weights) {
  if (absl::Status status = CheckLibrary(op); !status.ok()) return status;
  return onednn::Query(op, target, constant_weights);
}

absl::StatusOr<std::unique_ptr<PreparedOp>> Prepare(const plan::LibraryOp& op, const plan::Target& target) {
  if (absl::Status status = CheckLibrary(op); !status.ok()) return status;
  return onednn::Prepare(op, target);
}

}  // namespace plimsoll::runtime
