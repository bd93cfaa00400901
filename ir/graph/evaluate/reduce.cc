#include <cmath>
#include <limits>

#include "ir/graph/evaluate/elements.h"
#include "ir/graph/evaluate/evaluate.h"
#include "ir/graph/infer.h"

namespace plimsoll::graph::evaluate {

namespace {

template <typename T>
T initial(ReduceKind kind) {
  using Limits = std::numeric_limits<T>;
  switch (kind) {
    case ReduceKind::prod:
      return T(1);
    // Of no elements: the least, or the greatest, of the type.
    case ReduceKind::max:
      return Limits::has_infinity ? static_cast<T>(-Limits::infinity()) : Limits::lowest();
    case ReduceKind::min:
      return Limits::has_infinity ? Limits::infinity() : Limits::max();
    default:
      return T(0);
  }
}

template <typename T>
T step(ReduceKind kind, T sum, T x) {
  if constexpr (std::is_same_v<T, bool>) {
    return kind == ReduceKind::min ? sum && x : sum || x;
  } else if constexpr (std::is_same_v<T, double>) {
    switch (kind) {
      case ReduceKind::prod:
        return sum * x;
      case ReduceKind::max:
        return std::isnan(sum) || x <= sum ? sum : x;
      case ReduceKind::min:
        return std::isnan(sum) || x >= sum ? sum : x;
      case ReduceKind::l1:
        return sum + std::fabs(x);
      case ReduceKind::l2:
      case ReduceKind::sum_square:
        return sum + x * x;
      default:
        return sum + x;
    }
  } else {
    uint64_t a = static_cast<uint64_t>(sum), b = static_cast<uint64_t>(x);
    switch (kind) {
      case ReduceKind::prod:
        return static_cast<T>(a * b);
      case ReduceKind::max:
        return std::max(sum, x);
      case ReduceKind::min:
        return std::min(sum, x);
      case ReduceKind::l1:
        return static_cast<T>(x < T(0) ? a - b : a + b);
      case ReduceKind::l2:
      case ReduceKind::sum_square:
        return static_cast<T>(a + b * b);
      default:
        return static_cast<T>(a + b);
    }
  }
}

// The shape with the reduced dims kept, as 1.
Shape keptShape(RankedTensorType operand, llvm::ArrayRef<int64_t> axes) {
  Shape shape(operand.getShape());
  for (int64_t axis : axes) shape[axis] = 1;
  return shape;
}

}  // namespace

DenseElementsAttr reduce(ReduceKind kind, llvm::ArrayRef<int64_t> axes, RankedTensorType type, Attribute operand) {
  DenseElementsAttr attribute = evaluable(operand);
  if (!attribute || !isSmall(type)) return nullptr;
  auto from = llvm::cast<RankedTensorType>(attribute.getType());
  Shape kept = keptShape(from, axes);
  int64_t count = 1;
  for (int64_t axis : axes) count *= from.getDimSize(axis);
  mlir::Type element = type.getElementType();
  // The least number of narrower types than 64 bits is not that of int64_t.
  if (count == 0 && isInteger(element) && (kind == ReduceKind::max || kind == ReduceKind::min) &&
      element.getIntOrFloatBitWidth() != 64)
    return nullptr;
  return visit(kindOf(element), [&](auto tag) -> DenseElementsAttr {
    using T = decltype(tag);
    if (std::is_same_v<T, bool> && kind != ReduceKind::max && kind != ReduceKind::min) return nullptr;
    if (!std::is_same_v<T, double> && (kind == ReduceKind::l2 || (kind == ReduceKind::mean && count == 0)))
      return nullptr;
    Elements<T> elements = load<T>(attribute);
    Elements<T> result(*elementCount(kept), initial<T>(kind));
    size_t next = 0;
    walk<1>(from.getShape(), {broadcastStrides(kept, from.getShape())}, {0},
            [&](const std::array<int64_t, 1>& at) { result[at[0]] = step<T>(kind, result[at[0]], elements[next++]); });
    if (kind == ReduceKind::mean || kind == ReduceKind::l2) {
      for (T& x : result) {
        if constexpr (std::is_same_v<T, double>) {
          x = kind == ReduceKind::l2 ? std::sqrt(x) : count == 0 ? std::nan("") : x / static_cast<double>(count);
        } else if constexpr (!std::is_same_v<T, bool>) {
          x = x / static_cast<T>(count);
        }
      }
    }
    return store<T>(type, result);
  });
}

DenseElementsAttr argReduce(bool largest, bool last, int64_t axis, RankedTensorType type, Attribute operand) {
  DenseElementsAttr attribute = evaluable(operand);
  if (!attribute || !isSmall(type)) return nullptr;
  auto from = llvm::cast<RankedTensorType>(attribute.getType());
  Shape kept = keptShape(from, {axis});
  return visit(kindOf(from.getElementType()), [&](auto tag) -> DenseElementsAttr {
    using T = decltype(tag);
    Elements<T> elements = load<T>(attribute);
    // Where NaN belongs is not defined.
    if constexpr (std::is_same_v<T, double>)
      if (llvm::any_of(elements, [](double x) { return std::isnan(x); })) return nullptr;
    int64_t stride = stridesOf(from.getShape())[axis], size = from.getDimSize(axis);
    Elements<int64_t> result;
    walk<1>(kept, {stridesOf(from.getShape())}, {0}, [&](const std::array<int64_t, 1>& at) {
      int64_t best = 0;
      for (int64_t i = 1; i < size; ++i) {
        T x = elements[at[0] + i * stride], y = elements[at[0] + best * stride];
        if ((largest ? x > y : x < y) || (last && x == y)) best = i;
      }
      result.push_back(best);
    });
    return store<int64_t>(type, result);
  });
}

}  // namespace plimsoll::graph::evaluate
