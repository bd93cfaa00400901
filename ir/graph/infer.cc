#include "ir/graph/infer.h"

namespace plimsoll::graph {

using mlir::emitOptionalError;
using mlir::failure;
using mlir::FailureOr;
using mlir::LogicalResult;
using mlir::success;

bool isBool(mlir::Type element) { return element.isInteger(1); }
bool isInteger(mlir::Type element) { return llvm::isa<mlir::IntegerType>(element) && !element.isInteger(1); }
bool isFloat(mlir::Type element) { return llvm::isa<mlir::FloatType>(element); }
bool isNumber(mlir::Type element) { return isInteger(element) || isFloat(element); }

std::optional<int64_t> elementCount(llvm::ArrayRef<int64_t> shape) {
  constexpr int64_t kLimit = int64_t{1} << 62;
  int64_t count = 1;
  bool empty = false;
  for (int64_t dim : shape) {
    if (dim < 0) return std::nullopt;
    if (dim == 0) {
      empty = true;
    } else if (__builtin_mul_overflow(count, dim, &count) || count >= kLimit) {
      return std::nullopt;
    }
  }
  return empty ? 0 : count;
}

LogicalResult inferTensor(OptionalLocation location, llvm::ArrayRef<int64_t> shape, mlir::Type element,
                          llvm::SmallVectorImpl<mlir::Type>& types) {
  if (static_cast<int64_t>(shape.size()) > kMaxRank)
    return emitOptionalError(location, "(S2) a result of rank ", shape.size(), ", at most ", kMaxRank, " is supported");
  for (int64_t dim : shape)
    if (dim < 0 || dim >= kMaxSize) return emitOptionalError(location, "(S1) a result dimension of size ", dim);
  std::optional<int64_t> count = elementCount(shape);
  int64_t bytes;
  if (!count || __builtin_mul_overflow(*count, 16, &bytes))
    return emitOptionalError(location, "(S3) the result has too many elements: [", shape, "]");
  if (!mlir::RankedTensorType::isValidElementType(element))
    return emitOptionalError(location, "no tensor has elements of type ", element);
  types.push_back(mlir::RankedTensorType::get(shape, element));
  return success();
}

LogicalResult requireStatic(OptionalLocation location, mlir::ValueRange operands) {
  for (mlir::Value operand : operands) {
    auto type = operand ? llvm::dyn_cast<mlir::RankedTensorType>(operand.getType()) : mlir::RankedTensorType();
    if (!type) return emitOptionalError(location, "(S4) an operand is not a ranked tensor");
    if (!type.hasStaticShape())
      return emitOptionalError(location, "(S4) an operand's dimensions are known only at run time: ", type);
    if (!elementCount(type.getShape()))
      return emitOptionalError(location, "(S3) an operand has too many elements: ", type);
  }
  return success();
}

LogicalResult requireAxis(OptionalLocation location, int64_t axis, int64_t rank) {
  if (axis < 0 || axis >= rank)
    return emitOptionalError(location, "(S5) axis ", axis, " is out of range for a tensor of rank ", rank);
  return success();
}

FailureOr<Shape> broadcast(OptionalLocation location, llvm::ArrayRef<int64_t> lhs, llvm::ArrayRef<int64_t> rhs) {
  Shape result(std::max(lhs.size(), rhs.size()), 1);
  for (size_t i = 0; i < result.size(); ++i) {
    int64_t left = i < lhs.size() ? lhs[lhs.size() - 1 - i] : 1;
    int64_t right = i < rhs.size() ? rhs[rhs.size() - 1 - i] : 1;
    if (left != right && left != 1 && right != 1)
      return emitOptionalError(location, "(B1) shapes [", lhs, "] and [", rhs, "] do not broadcast");
    result[result.size() - 1 - i] = left == 1 ? right : left;
  }
  return result;
}

bool broadcastsTo(llvm::ArrayRef<int64_t> from, llvm::ArrayRef<int64_t> to) {
  if (from.size() > to.size()) return false;
  for (size_t i = 0; i < from.size(); ++i) {
    int64_t dim = from[from.size() - 1 - i];
    if (dim != 1 && dim != to[to.size() - 1 - i]) return false;
  }
  return true;
}

}  // namespace plimsoll::graph
