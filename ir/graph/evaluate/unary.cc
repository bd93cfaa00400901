#include <cmath>

#include "ir/graph/evaluate/elements.h"
#include "ir/graph/evaluate/evaluate.h"

namespace plimsoll::graph::evaluate {

namespace {

std::optional<double> floating(Unary function, double x) {
  switch (function) {
    case Unary::ABS:
      return std::fabs(x);
    case Unary::NEG:
      return -x;
    case Unary::SIGN:
      return std::isnan(x) ? x : static_cast<double>((x > 0) - (x < 0));
    case Unary::EXP:
      return std::exp(x);
    case Unary::LOG:
      return std::log(x);
    case Unary::SQRT:
      return std::sqrt(x);
    case Unary::RSQRT:
      return x == 0 ? std::copysign(HUGE_VAL, x) : 1 / std::sqrt(x);
    case Unary::RECIPROCAL:
      return x == 0 ? std::copysign(HUGE_VAL, x) : 1 / x;
    case Unary::TANH:
      return std::tanh(x);
    case Unary::ERF:
      return std::erf(x);
    case Unary::SIN:
      return std::sin(x);
    case Unary::COS:
      return std::cos(x);
    case Unary::TAN:
      return std::tan(x);
    case Unary::ASIN:
      return std::asin(x);
    case Unary::ACOS:
      return std::acos(x);
    case Unary::ATAN:
      return std::atan(x);
    case Unary::SINH:
      return std::sinh(x);
    case Unary::COSH:
      return std::cosh(x);
    case Unary::ASINH:
      return std::asinh(x);
    case Unary::ACOSH:
      return std::acosh(x);
    case Unary::ATANH:
      return std::atanh(x);
    case Unary::FLOOR:
      return std::floor(x);
    case Unary::CEIL:
      return std::ceil(x);
    // To nearest even: the rounding mode of the process is the default one.
    case Unary::ROUND:
      return std::nearbyint(x);
    default:
      return std::nullopt;
  }
}

template <typename T>
std::optional<T> integral(Unary function, T x) {
  uint64_t bits = static_cast<uint64_t>(x);
  switch (function) {
    // The most negative number stays what it is.
    case Unary::ABS:
      return x < T(0) ? static_cast<T>(-bits) : x;
    case Unary::NEG:
      return static_cast<T>(-bits);
    case Unary::SIGN:
      return static_cast<T>((x > T(0)) - (x < T(0)));
    case Unary::NOT:
      return static_cast<T>(~bits);
    default:
      return std::nullopt;
  }
}

bool test(Unary function, double x) {
  switch (function) {
    case Unary::IS_NAN:
      return std::isnan(x);
    case Unary::IS_POSITIVE_INFINITY:
      return std::isinf(x) && x > 0;
    case Unary::IS_NEGATIVE_INFINITY:
      return std::isinf(x) && x < 0;
    default:
      return std::isinf(x);
  }
}

}  // namespace

DenseElementsAttr unary(Unary function, RankedTensorType type, Attribute operand) {
  DenseElementsAttr attribute = evaluable(operand);
  if (!attribute || !isSmall(type)) return nullptr;
  Kind kind = kindOf(attribute.getElementType());
  if (function >= Unary::IS_NAN) {
    if (kind != Kind::FLOAT) return nullptr;
    Elements<bool> result;
    for (double x : load<double>(attribute)) result.push_back(test(function, x));
    return store<bool>(type, result);
  }
  return visit(kind, [&](auto tag) -> DenseElementsAttr {
    using T = decltype(tag);
    Elements<T> elements = load<T>(attribute);
    for (T& x : elements) {
      std::optional<T> value;
      if constexpr (std::is_same_v<T, bool>) {
        if (function == Unary::NOT) value = !x;
      } else if constexpr (std::is_same_v<T, double>) {
        value = floating(function, x);
      } else {
        value = integral<T>(function, x);
      }
      if (!value) return nullptr;
      x = *value;
    }
    return store<T>(type, elements);
  });
}

}  // namespace plimsoll::graph::evaluate
