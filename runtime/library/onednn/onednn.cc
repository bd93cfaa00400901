#include "runtime/library/onednn/onednn.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/device/cpu/parallel.h"
#include "runtime/library/onednn/engine.h"
#include "runtime/library/onednn/operations.h"

namespace plimsoll::runtime::onednn {
namespace {

bool IsByte(const plan::MemoryDesc& desc) { return desc.dtype() == plan::I8 || desc.dtype() == plan::U8; }

// Operations that do not come down to a recipe of primitives; null for the others.
absl::StatusOr<std::unique_ptr<PreparedOp>> PrepareOwn(const plan::LibraryOp& op, int threads) {
  if (op.has_matmul() && IsByte(op.matmul().a())) return PrepareIntegerMatmul(op.matmul(), threads);
  if (op.has_convolution() && IsByte(op.convolution().src())) return PrepareIntegerConvolution(op.convolution(), threads);
  if (op.has_recurrent()) return PrepareRecurrent(op.recurrent(), threads);
  return nullptr;
}

}  // namespace

absl::StatusOr<Requirements> Query(const plan::LibraryOp& op, const plan::Target& target, bool constant_weights) {
  Requirements requirements;
  absl::Status status = Guard("this operation", [&]() -> absl::Status {
    if (absl::Status capped = CapToTarget(target); !capped.ok()) return capped;
    ThreadCount threads(target.threads());
    auto own = PrepareOwn(op, ThreadsWorth(op, cpu::MaxThreads()));
    if (!own.ok()) return own.status();
    if (*own != nullptr) {
      requirements.workspace_bytes = (*own)->workspace_bytes();
      return absl::OkStatus();
    }
    auto recipe = RecipeOf(op, constant_weights);
    if (!recipe.ok()) return recipe.status();
    requirements.workspace_bytes = recipe->workspace_bytes;
    for (const auto& [operand, desc] : recipe->packed) {
      requirements.packed.push_back({operand, static_cast<int64_t>(desc.get_size())});
    }
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  return requirements;
}

absl::StatusOr<std::unique_ptr<PreparedOp>> Prepare(const plan::LibraryOp& op, const plan::Target& target) {
  std::unique_ptr<PreparedOp> prepared;
  absl::Status status = Guard("this operation", [&]() -> absl::Status {
    if (absl::Status capped = CapToTarget(target); !capped.ok()) return capped;
    ThreadCount threads(target.threads());
    const int worth = ThreadsWorth(op, cpu::MaxThreads());
    auto own = PrepareOwn(op, worth);
    if (!own.ok()) return own.status();
    prepared = *std::move(own);
    if (prepared == nullptr) {
      auto recipe = RecipeOf(op, /*constant_weights=*/false);
      if (!recipe.ok()) return recipe.status();
      auto made = MakePreparedOp(*recipe, worth);
      if (!made.ok()) return made.status();
      prepared = *std::move(made);
    }
    if (prepared->workspace_bytes() != op.workspace_bytes()) {
      return absl::FailedPreconditionError(
          absl::StrCat("oneDNN wants ", prepared->workspace_bytes(), " bytes of workspace here, the plan has ",
                       op.workspace_bytes(), ": it was made for another instruction set, thread count or library"));
    }
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  return prepared;
}

}  // namespace plimsoll::runtime::onednn
