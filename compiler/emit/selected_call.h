// Library operations as the select pass left them: with workspace and packed operands.
#pragma once

#include "compiler/emit/library_ops.h"

namespace plimsoll::compiler {

struct SelectedCall {
  LibraryTranslation translation;   // its `op` is complete, the library's name included
  // By operand in the library's order: bytes in the library's layout; 0: as it is.
  std::vector<int64_t> packed_bytes;
};

// kInternal where the select pass has not seen `op`; else as TranslateToLibrary.
absl::StatusOr<SelectedCall> SelectedCallOf(mlir::Operation* op);

// What packs operand `operand` of `call`: without workspace.
plan::LibraryOp PackOf(const plan::LibraryOp& call, int operand);

}  // namespace plimsoll::compiler
