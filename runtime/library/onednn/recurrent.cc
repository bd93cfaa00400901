#include "runtime/library/onednn/operations.h"

namespace plimsoll::runtime::onednn {

absl::StatusOr<std::unique_ptr<PreparedOp>> PrepareRecurrent(const plan::Recurrent& op, int threads) {
  return absl::UnimplementedError("recurrent");
}

}  // namespace plimsoll::runtime::onednn
