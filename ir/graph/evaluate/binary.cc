#include <cmath>

#include "ir/graph/evaluate/elements.h"
#include "ir/graph/evaluate/evaluate.h"
#include "ir/graph/infer.h"

namespace plimsoll::graph::evaluate {

namespace {

std::optional<double> floating(Binary function, double a, double b) {
  switch (function) {
    case Binary::ADD:
      return a + b;
    case Binary::SUB:
      return a - b;
    case Binary::MUL:
      return a * b;
    case Binary::DIV: {
      if (b != 0) return a / b;
      // As IEEE 754 says, without dividing by zero.
      if (a == 0 || std::isnan(a)) return std::nan("");
      return std::copysign(HUGE_VAL, a) * std::copysign(1.0, b);
    }
    case Binary::POW:
      return std::pow(a, b);
    case Binary::MAX:
      return std::isnan(a) || std::isnan(b) ? std::nan("") : a > b ? a : b;
    case Binary::MIN:
      return std::isnan(a) || std::isnan(b) ? std::nan("") : a < b ? a : b;
    case Binary::FMOD:
      return std::fmod(a, b);
    case Binary::MOD: {
      double remainder = std::fmod(a, b);
      if (remainder != 0 && (remainder < 0) != (b < 0)) return remainder + b;
      return remainder == 0 ? std::copysign(0.0, b) : remainder;
    }
    default:
      return std::nullopt;
  }
}

// base^exponent modulo 2^64, by squaring.
uint64_t wrappedPower(uint64_t base, uint64_t exponent) {
  uint64_t result = 1;
  for (; exponent > 0; exponent >>= 1, base *= base)
    if (exponent & 1) result *= base;
  return result;
}

template <typename T>
std::optional<T> integralPower(T base, T exponent) {
  if (exponent >= T(0))
    return static_cast<T>(wrappedPower(static_cast<uint64_t>(base), static_cast<uint64_t>(exponent)));
  if (base == T(0)) return std::nullopt;
  if (base == T(1)) return T(1);
  if (base == static_cast<T>(-1)) return static_cast<T>(static_cast<uint64_t>(exponent) & 1 ? -1 : 1);
  return T(0);
}

// `bits`: the width of the type, for shifts.
template <typename T>
std::optional<T> integral(Binary function, T a, T b, unsigned bits) {
  constexpr bool is_signed = std::is_signed_v<T>;
  uint64_t x = static_cast<uint64_t>(a), y = static_cast<uint64_t>(b);
  switch (function) {
    case Binary::ADD:
      return static_cast<T>(x + y);
    case Binary::SUB:
      return static_cast<T>(x - y);
    case Binary::MUL:
      return static_cast<T>(x * y);
    case Binary::DIV:
      if (b == T(0)) return std::nullopt;
      if (is_signed && b == static_cast<T>(-1)) return static_cast<T>(-x);
      return a / b;
    case Binary::POW:
      return integralPower<T>(a, b);
    case Binary::MAX:
      return std::max(a, b);
    case Binary::MIN:
      return std::min(a, b);
    case Binary::AND:
      return static_cast<T>(x & y);
    case Binary::OR:
      return static_cast<T>(x | y);
    case Binary::XOR:
      return static_cast<T>(x ^ y);
    // By the width or more: every bit is shifted out.
    case Binary::SHIFT_LEFT:
      return y >= bits ? T(0) : static_cast<T>(x << y);
    case Binary::SHIFT_RIGHT:
      return y >= bits ? (a < T(0) ? static_cast<T>(-1) : T(0)) : static_cast<T>(a >> y);
    case Binary::FMOD:
    case Binary::MOD: {
      if (b == T(0)) return std::nullopt;
      if (is_signed && b == static_cast<T>(-1)) return T(0);
      T remainder = a % b;
      return function == Binary::MOD && remainder != T(0) && (remainder < T(0)) != (b < T(0)) ? remainder + b
                                                                                              : remainder;
    }
  }
  return std::nullopt;
}

std::optional<bool> logical(Binary function, bool a, bool b) {
  switch (function) {
    case Binary::AND:
    case Binary::MIN:
      return a && b;
    case Binary::OR:
    case Binary::MAX:
      return a || b;
    case Binary::XOR:
      return a != b;
    default:
      return std::nullopt;
  }
}

// Applies f to the elements of both, broadcast; nothing where f gives nothing.
template <typename R, typename A, typename B, typename F>
DenseElementsAttr apply(RankedTensorType type, DenseElementsAttr lhs, DenseElementsAttr rhs, F&& f) {
  auto left_shape = lhs.getType().getShape(), right_shape = rhs.getType().getShape();
  if (!broadcastsTo(left_shape, type.getShape()) || !broadcastsTo(right_shape, type.getShape())) return nullptr;
  Elements<A> left = load<A>(lhs);
  Elements<B> right = load<B>(rhs);
  Elements<R> result;
  result.reserve(*elementCount(type.getShape()));
  bool defined = true;
  walk<2>(type.getShape(),
          {broadcastStrides(left_shape, type.getShape()), broadcastStrides(right_shape, type.getShape())}, {0, 0},
          [&](const std::array<int64_t, 2>& at) {
            std::optional<R> value = f(left[at[0]], right[at[1]]);
            defined &= value.has_value();
            result.push_back(value.value_or(R()));
          });
  return defined ? store<R>(type, result) : nullptr;
}

// A power whose exponent is of another type than the base.
DenseElementsAttr mixedPower(RankedTensorType type, DenseElementsAttr base, DenseElementsAttr exponent) {
  Kind kind = kindOf(exponent.getElementType());
  if (kindOf(base.getElementType()) == Kind::FLOAT) {
    if (kind == Kind::FLOAT)
      return apply<double, double, double>(type, base, exponent,
                                           [](double a, double b) { return std::optional(std::pow(a, b)); });
    if (kind == Kind::SIGNED)
      return apply<double, double, int64_t>(
          type, base, exponent, [](double a, int64_t b) { return std::optional(std::pow(a, static_cast<double>(b))); });
    if (kind == Kind::UNSIGNED)
      return apply<double, double, uint64_t>(type, base, exponent, [](double a, uint64_t b) {
        return std::optional(std::pow(a, static_cast<double>(b)));
      });
    return nullptr;
  }
  if (kind == Kind::FLOAT) {
    // In double, truncated; what the base's type does not hold is not defined.
    unsigned bits = base.getElementType().getIntOrFloatBitWidth();
    if (kindOf(base.getElementType()) == Kind::SIGNED)
      return apply<int64_t, int64_t, double>(type, base, exponent, [&](int64_t a, double b) -> std::optional<int64_t> {
        double power = std::pow(static_cast<double>(a), b);
        return std::fabs(power) < std::ldexp(1.0, static_cast<int>(bits) - 1)
                   ? std::optional(static_cast<int64_t>(power))
                   : std::nullopt;
      });
    if (kindOf(base.getElementType()) == Kind::UNSIGNED)
      return apply<uint64_t, uint64_t, double>(
          type, base, exponent, [&](uint64_t a, double b) -> std::optional<uint64_t> {
            double power = std::pow(static_cast<double>(a), b);
            return power < std::ldexp(1.0, static_cast<int>(bits)) ? std::optional(static_cast<uint64_t>(power))
                                                                   : std::nullopt;
          });
  }
  if (kindOf(base.getElementType()) == Kind::SIGNED && kind == Kind::UNSIGNED)
    return apply<int64_t, int64_t, uint64_t>(type, base, exponent, [](int64_t a, uint64_t b) {
      return std::optional(static_cast<int64_t>(wrappedPower(static_cast<uint64_t>(a), b)));
    });
  if (kindOf(base.getElementType()) == Kind::UNSIGNED && kind == Kind::SIGNED)
    return apply<uint64_t, uint64_t, int64_t>(type, base, exponent,
                                              [](uint64_t a, int64_t b) -> std::optional<uint64_t> {
                                                if (b >= 0) return wrappedPower(a, static_cast<uint64_t>(b));
                                                if (a == 0) return std::nullopt;
                                                return a == 1 ? 1 : 0;
                                              });
  return nullptr;
}

}  // namespace

DenseElementsAttr binary(Binary function, RankedTensorType type, Attribute lhs, Attribute rhs) {
  DenseElementsAttr left = evaluable(lhs), right = evaluable(rhs);
  if (!left || !right || !isSmall(type)) return nullptr;
  Kind kind = kindOf(left.getElementType());
  if (kind != kindOf(right.getElementType())) return function == Binary::POW ? mixedPower(type, left, right) : nullptr;
  unsigned bits = left.getElementType().getIntOrFloatBitWidth();
  return visit(kind, [&](auto tag) -> DenseElementsAttr {
    using T = decltype(tag);
    return apply<T, T, T>(type, left, right, [&](T a, T b) -> std::optional<T> {
      if constexpr (std::is_same_v<T, bool>) {
        return logical(function, a, b);
      } else if constexpr (std::is_same_v<T, double>) {
        return floating(function, a, b);
      } else {
        return integral<T>(function, a, b, bits);
      }
    });
  });
}

DenseElementsAttr compare(ComparePredicate predicate, RankedTensorType type, Attribute lhs, Attribute rhs) {
  DenseElementsAttr left = evaluable(lhs), right = evaluable(rhs);
  if (!left || !right || !isSmall(type) || left.getElementType() != right.getElementType()) return nullptr;
  return visit(kindOf(left.getElementType()), [&](auto tag) -> DenseElementsAttr {
    using T = decltype(tag);
    return apply<bool, T, T>(type, left, right, [&](T a, T b) -> std::optional<bool> {
      switch (predicate) {
        case ComparePredicate::eq:
          return a == b;
        case ComparePredicate::ne:
          return a != b;
        case ComparePredicate::lt:
          return a < b;
        case ComparePredicate::le:
          return a <= b;
        case ComparePredicate::gt:
          return a > b;
        case ComparePredicate::ge:
          return a >= b;
      }
      return std::nullopt;
    });
  });
}

}  // namespace plimsoll::graph::evaluate
