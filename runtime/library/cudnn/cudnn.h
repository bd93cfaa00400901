// Convolutions and attention by cuDNN. library.h describes the two functions.
#pragma once

#include <memory>

#include "runtime/library/library.h"

namespace plimsoll::runtime::cudnn {

// By the rules of layer.h and attention_layer.h alone. With channels last the weights are wanted with theirs last too:
// packed, which is to say with the strides of [d0, spatial..., d1], or kUnimplemented where they are neither so nor
// constant.
absl::StatusOr<Requirements> Query(const plan::LibraryOp& op, const plan::Target& target, bool constant_weights);

// op.workspace_bytes may be any: engines are chosen among those that it suffices for. kUnimplemented too where
// options.alignments has less than 16.
absl::StatusOr<std::unique_ptr<PreparedOp>> Prepare(const plan::LibraryOp& op, const plan::Target& target,
                                                    const PrepareOptions& options);

}  // namespace plimsoll::runtime::cudnn
