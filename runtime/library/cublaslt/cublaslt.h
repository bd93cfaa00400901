// Products of matrices by cuBLASLt. library.h describes the two functions.
#pragma once

#include <memory>

#include "runtime/library/library.h"

namespace plimsoll::runtime::cublaslt {

// By the rules of gemm.h alone.
absl::StatusOr<Requirements> Query(const plan::LibraryOp& op, const plan::Target& target);

// op.workspace_bytes may be any: algorithms are chosen among those that it suffices for.
absl::StatusOr<std::unique_ptr<PreparedOp>> Prepare(const plan::LibraryOp& op, const plan::Target& target,
                                                    const PrepareOptions& options);

}  // namespace plimsoll::runtime::cublaslt
