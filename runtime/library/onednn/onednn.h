// oneDNN behind library.h's interface. No header outside this folder shows oneDNN.
#ifndef PLIMSOLL_RUNTIME_LIBRARY_ONEDNN_ONEDNN_H_
#define PLIMSOLL_RUNTIME_LIBRARY_ONEDNN_ONEDNN_H_

#include <memory>

#include "runtime/library/library.h"

namespace plimsoll::runtime::onednn {

absl::StatusOr<Requirements> Query(const plan::LibraryOp& op, const plan::Target& target, bool constant_weights);
absl::StatusOr<std::unique_ptr<PreparedOp>> Prepare(const plan::LibraryOp& op, const plan::Target& target);

}  // namespace plimsoll::runtime::onednn

#endif  // PLIMSOLL_RUNTIME_LIBRARY_ONEDNN_ONEDNN_H_
