// What the operations' inferReturnTypes share. All of it runs on models that may be wrong: errors are reported at the
// location, sizes are checked for overflow, nothing asserts.
#pragma once

#include <optional>

#include "ir/graph/graph.h"

namespace plimsoll::graph {

using Shape = llvm::SmallVector<int64_t>;
using OptionalLocation = std::optional<mlir::Location>;

// The definition of Op::inferReturnTypes, with its parameters named as the bodies use them.
#define PLIMSOLL_INFER(Op)                                                                                     \
  mlir::LogicalResult Op::inferReturnTypes(mlir::MLIRContext* context, std::optional<mlir::Location> location, \
                                           mlir::ValueRange operands, mlir::DictionaryAttr attributes,         \
                                           mlir::OpaqueProperties properties, mlir::RegionRange regions,       \
                                           llvm::SmallVectorImpl<mlir::Type>& types)
// The adaptor over these parameters.
#define PLIMSOLL_ADAPTOR(Op) Op::Adaptor adaptor(operands, attributes, properties, regions)

// Sizes and offsets in models stay below this, so that sums of a few of them fit.
inline constexpr int64_t kMaxSize = int64_t{1} << 48;
inline constexpr int64_t kMaxRank = 64;

inline mlir::RankedTensorType tensorType(mlir::Value value) {
  return llvm::cast<mlir::RankedTensorType>(value.getType());
}

// i1.
bool isBool(mlir::Type element);
// Signed (signless) or unsigned, not i1.
bool isInteger(mlir::Type element);
bool isFloat(mlir::Type element);
bool isNumber(mlir::Type element);

// The number of elements, or nothing if a dim is dynamic or the number is not below 2^62.
std::optional<int64_t> elementCount(llvm::ArrayRef<int64_t> shape);

// (S1) dims are known, in [0, 2^48), (S2) at most 64 of them, and (S3) the bytes are below 2^62.
mlir::LogicalResult inferTensor(OptionalLocation location, llvm::ArrayRef<int64_t> shape, mlir::Type element,
                                llvm::SmallVectorImpl<mlir::Type>& types);
// (S4) the operands are ranked tensors with static dims.
mlir::LogicalResult requireStatic(OptionalLocation location, mlir::ValueRange operands);
// (S5) 0 <= axis < rank.
mlir::LogicalResult requireAxis(OptionalLocation location, int64_t axis, int64_t rank);

// Numpy's broadcast shape; (B1) dims are equal or one of them is 1.
mlir::FailureOr<Shape> broadcast(OptionalLocation location, llvm::ArrayRef<int64_t> lhs, llvm::ArrayRef<int64_t> rhs);
// Whether `from` broadcasts to `to` without changing it.
bool broadcastsTo(llvm::ArrayRef<int64_t> from, llvm::ArrayRef<int64_t> to);

}  // namespace plimsoll::graph
