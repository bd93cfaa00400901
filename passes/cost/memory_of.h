// Bytes that values and operations of a block take while it runs.
#pragma once

#include <algorithm>
#include <cstdint>

#include "ir/graph/graph.h"

namespace plimsoll::passes {

// Left by the select pass on library operations: i64, bytes.
inline constexpr char kWorkspaceAttribute[] = "plimsoll.workspace_bytes";

// 0 where the size is not known.
inline int64_t BytesOf(mlir::Value value) {
  return graph::byteSize(llvm::cast<mlir::RankedTensorType>(value.getType())).value_or(0);
}

// The largest workspace of the operation and of those in its regions.
inline int64_t WorkspaceOf(mlir::Operation* op) {
  int64_t most = 0;
  op->walk([&](mlir::Operation* inner) {
    auto bytes = inner->getAttrOfType<mlir::IntegerAttr>(kWorkspaceAttribute);
    if (bytes) most = std::max(most, bytes.getInt());
  });
  return most;
}

// Whether the result is bytes of operand 0, where they lie.
inline bool IsView(mlir::Operation* op) {
  auto view = llvm::dyn_cast<graph::ViewInterface>(op);
  return view && view.viewByteOffset().has_value();
}

}  // namespace plimsoll::passes
