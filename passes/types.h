// The types of tensors, in short.
#pragma once

#include "ir/graph/infer.h"

namespace plimsoll::passes {

inline mlir::Type ElementOf(mlir::Value value) { return graph::tensorType(value).getElementType(); }
inline llvm::ArrayRef<int64_t> ShapeOf(mlir::Value value) { return graph::tensorType(value).getShape(); }

}  // namespace plimsoll::passes
