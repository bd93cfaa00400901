// The dialect `graph`: everything that a user of it includes.
#pragma once

#include <cstdint>
#include <optional>

#include "ir/graph/pch.h"

namespace plimsoll::graph {

// Work of one execution. A multiply-add counts as 2 operations.
struct Cost {
  double contraction_flops = 0;  // what matrix units can do
  double vector_flops = 0;       // the rest
  int64_t bytes_read = 0;
  int64_t bytes_written = 0;
};

enum class PrecisionClass { LOW, FULL, FOLLOW };

// factors[i][d]: the factor of dim d of tensor i (operands, then results), -1 for none. sizes[f]: the factor's extent.
struct ShardingRule {
  llvm::SmallVector<llvm::SmallVector<int>> factors;
  llvm::SmallVector<int64_t> sizes;
  llvm::SmallVector<bool> reduced;
};

// Result element i depends on the operands' elements at i, broadcast.
template <typename T>
struct ElementwiseOp : mlir::OpTrait::TraitBase<T, ElementwiseOp> {};

// Executed by the runtime as a branch or loop.
template <typename T>
struct ControlOp : mlir::OpTrait::TraitBase<T, ControlOp> {};

// The element type in memory: signless integers, i8 for i1; floats as they are.
mlir::Type storageType(mlir::Type element);
// Bytes of a tensor in memory; dims known only at run time count at their bound. Nothing if it overflows or has no bound.
std::optional<int64_t> byteSize(mlir::RankedTensorType type);
// The elements of a value that is a constant (a graph.constant), or null.
mlir::DenseElementsAttr constantOf(mlir::Value value);

}  // namespace plimsoll::graph

#include "ir/graph/dialect.h.inc"
#include "ir/graph/enums.h.inc"
#define GET_ATTRDEF_CLASSES
#include "ir/graph/attributes.h.inc"
#include "ir/graph/interfaces.h.inc"
#define GET_OP_CLASSES
#include "ir/graph/ops.h.inc"
