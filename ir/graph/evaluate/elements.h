// Elements of constants, widened: every integer to 64 bits of its sign, every float to double, so that each evaluation
// is written for four types. Narrowing wraps integers around and rounds floats to nearest even; for the four basic
// operations and the square root this gives the same as arithmetic in the type itself (double has more than twice the
// digits of f32: Figueroa, "When is double rounding innocuous?", 1995).
#pragma once

#include <cstdint>
#include <optional>

#include "ir/graph/graph.h"

namespace plimsoll::graph::evaluate {

// Results with more elements are not evaluated; operands may have 16 times as many.
inline constexpr int64_t kMaxElements = 65536;

template <typename T>
using Elements = llvm::SmallVector<T, 0>;

enum class Kind { BOOL, SIGNED, UNSIGNED, FLOAT, OTHER };
Kind kindOf(mlir::Type element);
template <typename T>
inline constexpr Kind kKind = Kind::OTHER;
template <>
inline constexpr Kind kKind<bool> = Kind::BOOL;
template <>
inline constexpr Kind kKind<int64_t> = Kind::SIGNED;
template <>
inline constexpr Kind kKind<uint64_t> = Kind::UNSIGNED;
template <>
inline constexpr Kind kKind<double> = Kind::FLOAT;

// Whether a result of this type may be evaluated: static dims, at most kMaxElements.
bool isSmall(mlir::RankedTensorType type);
// The attribute as elements that may be evaluated, or null (not a constant, too large, an unknown element type).
mlir::DenseElementsAttr evaluable(mlir::Attribute attribute);

// Row-major; splats are expanded. T is the type of kindOf(the element type).
template <typename T>
Elements<T> load(mlir::DenseElementsAttr attribute);
template <typename T>
mlir::DenseElementsAttr store(mlir::RankedTensorType type, llvm::ArrayRef<T> elements);

// Rounds to the format and back.
double rounded(double value, mlir::FloatType type);
// The bytes of the elements, one after the other (a bool: one byte), and back; for evaluations that only move elements.
// The width in bytes, or 0 where elements are no whole bytes.
int64_t byteWidth(mlir::Type element);
Elements<char> loadBytes(mlir::DenseElementsAttr attribute);
mlir::DenseElementsAttr storeBytes(mlir::RankedTensorType type, llvm::ArrayRef<char> bytes);

// Calls f(T()) with the type for `kind`; null for OTHER.
template <typename F>
mlir::DenseElementsAttr visit(Kind kind, F&& f) {
  switch (kind) {
    case Kind::BOOL:
      return f(bool());
    case Kind::SIGNED:
      return f(int64_t());
    case Kind::UNSIGNED:
      return f(uint64_t());
    case Kind::FLOAT:
      return f(double());
    case Kind::OTHER:
      break;
  }
  return nullptr;
}

// Row-major strides, in elements.
llvm::SmallVector<int64_t> stridesOf(llvm::ArrayRef<int64_t> shape);
// The strides of an operand of shape `from` in a walk over `to`, to which it broadcasts: 0 where it repeats.
llvm::SmallVector<int64_t> broadcastStrides(llvm::ArrayRef<int64_t> from, llvm::ArrayRef<int64_t> to);

// Calls f(offset of each operand) for each index of `shape`, row-major. Strides: one a dim for each of N operands.
template <size_t N, typename F>
void walk(llvm::ArrayRef<int64_t> shape, const std::array<llvm::SmallVector<int64_t>, N>& strides,
          std::array<int64_t, N> offsets, F&& f) {
  for (int64_t dim : shape)
    if (dim <= 0) return;
  llvm::SmallVector<int64_t> index(shape.size(), 0);
  while (true) {
    f(offsets);
    size_t dim = shape.size();
    while (true) {
      if (dim == 0) return;
      --dim;
      if (++index[dim] < shape[dim]) {
        for (size_t i = 0; i < N; ++i) offsets[i] += strides[i][dim];
        break;
      }
      index[dim] = 0;
      for (size_t i = 0; i < N; ++i) offsets[i] -= strides[i][dim] * (shape[dim] - 1);
    }
  }
}

}  // namespace plimsoll::graph::evaluate
