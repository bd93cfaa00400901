// oneDNN behind library.h's interface. No header outside this folder shows oneDNN.
#pragma once

#include <memory>

#include "runtime/library/library.h"

namespace plimsoll::runtime::onednn {

absl::StatusOr<Requirements> Query(const plan::LibraryOp& op, const plan::Target& target, bool constant_weights);
absl::StatusOr<std::unique_ptr<PreparedOp>> Prepare(const plan::LibraryOp& op, const plan::Target& target);

}  // namespace plimsoll::runtime::onednn
