// Attention of few queries to many keys (a decoder's step) becomes attention to parts of the keys and their combination
// (Dao et al., "Flash-Decoding for long-context inference", 2023), where blocks for its rows alone would leave most of a
// GPU idle. What is found of each part has its own tensors, which the plan places as any others.
#pragma once

#include <memory>

#include "mlir/Pass/Pass.h"
#include "passes/fuse/row_parts.h"
#include "passes/select/library_model.h"

namespace plimsoll::passes {

// Over functions, behind the attention pass. Only what `library` can compute in parts is cut.
std::unique_ptr<mlir::Pass> CreateSplitKeysPass(RowMachine machine, LibraryModel& library);
// For plimsoll-opt: -plimsoll-split-keys, with the options multiprocessors and bytes-per-second; everything is cut that
// is worth it.
void RegisterSplitKeysPass();

}  // namespace plimsoll::passes
