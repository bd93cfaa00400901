#include <cmath>
#include <limits>

#include "ir/graph/evaluate/elements.h"
#include "ir/graph/evaluate/evaluate.h"

namespace plimsoll::graph::evaluate {

namespace {

// Toward zero; what is out of range becomes the nearest number of the type, and NaN zero.
template <typename T>
T truncated(double value, unsigned bits) {
  if (std::isnan(value)) return 0;
  unsigned digits = bits - (std::is_signed_v<T> ? 1 : 0);
  double limit = std::ldexp(1.0, static_cast<int>(digits));
  if (value >= limit) return digits == 64 ? std::numeric_limits<T>::max() : static_cast<T>((uint64_t{1} << digits) - 1);
  if (!std::is_signed_v<T>) return value <= 0 ? T(0) : static_cast<T>(value);
  if (value <= -limit) return digits == 63 ? std::numeric_limits<T>::min() : static_cast<T>(-(int64_t{1} << digits));
  return static_cast<T>(value);
}

// ONNX Cast to 8-bit floats, saturating: what is out of range, infinities included, becomes the largest finite number.
double saturated(double value, mlir::FloatType type) {
  if (std::isnan(value)) return value;
  double result = rounded(value, type);
  if (std::isfinite(result)) return result;
  llvm::APFloat largest = llvm::APFloat::getLargest(type.getFloatSemantics());
  bool inexact = false;
  largest.convert(llvm::APFloat::IEEEdouble(), llvm::APFloat::rmNearestTiesToEven, &inexact);
  return std::copysign(largest.convertToDouble(), value);
}

template <typename From, typename To>
To converted(From value, unsigned bits) {
  if constexpr (std::is_same_v<To, bool>) {
    return value != From(0);
  } else if constexpr (std::is_same_v<From, double> && !std::is_same_v<To, double>) {
    return truncated<To>(value, bits);
  } else {
    return static_cast<To>(value);
  }
}

}  // namespace

DenseElementsAttr cast(bool saturate, RankedTensorType type, Attribute operand) {
  DenseElementsAttr attribute = evaluable(operand);
  if (!attribute || !isSmall(type)) return nullptr;
  mlir::Type element = type.getElementType();
  auto format = llvm::dyn_cast<mlir::FloatType>(element);
  saturate &= format && format.getWidth() <= 8;
  unsigned bits = element.getIntOrFloatBitWidth();
  return visit(kindOf(attribute.getElementType()), [&](auto from_tag) {
    using From = decltype(from_tag);
    Elements<From> from = load<From>(attribute);
    return visit(kindOf(element), [&](auto to_tag) {
      using To = decltype(to_tag);
      Elements<To> to;
      to.reserve(from.size());
      for (From value : from) {
        if constexpr (!std::is_same_v<From, bool> && !std::is_same_v<From, double> && std::is_same_v<To, double>) {
          // An integer of many digits is rounded once, to the format that the result has.
          to.push_back(element.isF32() ? static_cast<float>(value) : static_cast<double>(value));
        } else {
          to.push_back(converted<From, To>(value, bits));
        }
        if constexpr (std::is_same_v<To, double>)
          if (saturate) to.back() = saturated(to.back(), format);
      }
      return store<To>(type, to);
    });
  });
}

}  // namespace plimsoll::graph::evaluate
