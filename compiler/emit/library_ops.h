// Operations of the graph as the library's: the one translation that both the select pass's questions and the emitted
// calls come from.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "ir/graph/graph.h"
#include "ir/plan/library.pb.h"

namespace plimsoll::compiler {

struct LibraryTranslation {
  plan::LibraryOp op;          // without library, workspace and packed layouts
  // The graph's operand numbers in the library's order, the post-operands included; results follow in order.
  std::vector<int> operands;
  // Result 0 overwrites this operand of the graph (a `sum` post-op): not among `operands`. -1: none.
  int summed_operand = -1;
};

// kUnimplemented for what has no form in the library's description.
absl::StatusOr<LibraryTranslation> TranslateToLibrary(mlir::Operation* operation);

// The description of the library's operand number `operand` (as TranslateToLibrary orders them), to set packed_bytes;
// null where packing has no meaning.
plan::MemoryDesc* PackableDesc(plan::LibraryOp& op, int operand);

// `desc`, of such an operand, as it is when it is packed for `library`: its bytes in the library's own layout; for cuDNN,
// which has none, the strides of channels last.
void DescribePacked(const std::string& library, int64_t bytes, plan::MemoryDesc& desc);
// The reverse: as TranslateToLibrary describes it.
void DescribePlain(const std::string& library, plan::MemoryDesc& desc);

}  // namespace plimsoll::compiler
