// Values of operations on constants. Every function returns null where it does not evaluate: a constant is missing or
// too large (elements.h), the result would be, or the value is undefined (an integer divided by zero). The types are
// those that the operations' verifiers accept; attributes are taken to be verified.
#pragma once

#include "ir/graph/graph.h"

namespace plimsoll::graph::evaluate {

using Constants = llvm::ArrayRef<mlir::Attribute>;
using mlir::Attribute;
using mlir::DenseElementsAttr;
using mlir::RankedTensorType;

enum class Unary {
  ABS,
  NEG,
  SIGN,
  EXP,
  LOG,
  SQRT,
  RSQRT,
  RECIPROCAL,
  TANH,
  ERF,
  SIN,
  COS,
  TAN,
  ASIN,
  ACOS,
  ATAN,
  SINH,
  COSH,
  ASINH,
  ACOSH,
  ATANH,
  FLOOR,
  CEIL,
  ROUND,
  NOT,
  IS_NAN,
  IS_POSITIVE_INFINITY,
  IS_NEGATIVE_INFINITY,
  IS_INFINITY
};
DenseElementsAttr unary(Unary function, RankedTensorType type, Attribute operand);
DenseElementsAttr activation(ActivationKind kind, double alpha, double beta, RankedTensorType type, Attribute operand);
DenseElementsAttr cast(bool saturate, RankedTensorType type, Attribute operand);

enum class Binary { ADD, SUB, MUL, DIV, POW, MAX, MIN, AND, OR, XOR, SHIFT_LEFT, SHIFT_RIGHT, MOD, FMOD };
DenseElementsAttr binary(Binary function, RankedTensorType type, Attribute lhs, Attribute rhs);
DenseElementsAttr compare(ComparePredicate predicate, RankedTensorType type, Attribute lhs, Attribute rhs);
DenseElementsAttr select(RankedTensorType type, Attribute condition, Attribute on_true, Attribute on_false);

DenseElementsAttr reduce(ReduceKind kind, llvm::ArrayRef<int64_t> axes, RankedTensorType type, Attribute operand);
DenseElementsAttr argReduce(bool largest, bool last, int64_t axis, RankedTensorType type, Attribute operand);

DenseElementsAttr reshape(RankedTensorType type, Attribute operand);
DenseElementsAttr transpose(llvm::ArrayRef<int64_t> permutation, RankedTensorType type, Attribute operand);
DenseElementsAttr expand(RankedTensorType type, Attribute operand);
DenseElementsAttr slice(llvm::ArrayRef<int64_t> starts, llvm::ArrayRef<int64_t> strides, RankedTensorType type,
                        Attribute operand);
DenseElementsAttr concat(int64_t axis, RankedTensorType type, Constants operands);
// `value`: null for zero.
DenseElementsAttr pad(PadMode mode, llvm::ArrayRef<int64_t> low, RankedTensorType type, Attribute operand,
                      Attribute value);
DenseElementsAttr gather(int64_t axis, RankedTensorType type, Attribute operand, Attribute indices);
DenseElementsAttr gatherElements(int64_t axis, RankedTensorType type, Attribute operand, Attribute indices);
DenseElementsAttr gatherNd(int64_t batch_dims, RankedTensorType type, Attribute operand, Attribute indices);
DenseElementsAttr iota(int64_t axis, double start, double step, RankedTensorType type);

}  // namespace plimsoll::graph::evaluate
