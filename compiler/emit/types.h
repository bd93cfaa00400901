// Types and attributes of the graph as those of the plan.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "ir/graph/graph.h"
#include "ir/plan/types.pb.h"

namespace plimsoll::compiler {

// kUnimplemented for element types that plans do not know.
absl::StatusOr<plan::DataType> DataTypeOf(mlir::Type element);
// Dims known only at run time are given by their bounds; kUnimplemented where they have none.
absl::StatusOr<plan::TensorType> TensorTypeOf(mlir::Type type);
// Integers, floats, strings and arrays of them; kInternal for anything else.
absl::StatusOr<plan::Attribute> AttributeOf(mlir::Attribute attribute);

// Bytes at the bound of the dims. Types without a bound were refused at import.
int64_t BytesOf(mlir::Value value);
// The size of a dim, or its bound.
int64_t DimOf(mlir::RankedTensorType type, int dim);
inline mlir::RankedTensorType TensorOf(mlir::Value value) { return llvm::cast<mlir::RankedTensorType>(value.getType()); }

// Name of the ONNX node (or nodes, with "+") that an operation was made for.
std::string NodeName(mlir::Location location);

}  // namespace plimsoll::compiler
