#include <cmath>
#include <limits>

#include "ir/graph/evaluate/elements.h"
#include "ir/graph/evaluate/evaluate.h"

namespace plimsoll::graph::evaluate {

namespace {

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
double softplus(double x) { return std::fmax(x, 0) + std::log1p(std::exp(-std::fabs(x))); }
// Comparisons that let NaN through.
double atLeast(double x, double low) { return x < low ? low : x; }
double atMost(double x, double high) { return x > high ? high : x; }

double floating(ActivationKind kind, double alpha, double beta, double x) {
  constexpr double kSqrtHalf = 0.70710678118654752440, kSqrtTwoOverPi = 0.79788456080286535588;
  switch (kind) {
    case ActivationKind::relu:
      return atLeast(x, 0);
    case ActivationKind::leaky_relu:
      return x < 0 ? alpha * x : x;
    case ActivationKind::elu:
      return x < 0 ? alpha * std::expm1(x) : x;
    case ActivationKind::sigmoid:
      return sigmoid(x);
    case ActivationKind::hard_sigmoid:
      return atLeast(atMost(alpha * x + beta, 1), 0);
    case ActivationKind::hard_swish:
      return x * atLeast(atMost(x / 6 + 0.5, 1), 0);
    case ActivationKind::silu:
      return x * sigmoid(alpha * x);
    case ActivationKind::gelu_erf:
      return 0.5 * x * (1 + std::erf(x * kSqrtHalf));
    case ActivationKind::gelu_tanh:
      return 0.5 * x * (1 + std::tanh(kSqrtTwoOverPi * (x + 0.044715 * x * x * x)));
    case ActivationKind::softplus:
      return softplus(x);
    case ActivationKind::mish:
      return x * std::tanh(softplus(x));
    case ActivationKind::clip:
      return atMost(atLeast(x, alpha), beta);
  }
  return x;
}

// The nearest integer of the type, for the bounds of clip.
template <typename T>
T clamped(double value) {
  if (std::isnan(value)) return 0;
  // The type's largest number is not a double; the next power of two is.
  if (value >= std::ldexp(1.0, std::numeric_limits<T>::digits)) return std::numeric_limits<T>::max();
  if (value <= static_cast<double>(std::numeric_limits<T>::min())) return std::numeric_limits<T>::min();
  return static_cast<T>(value);
}

}  // namespace

DenseElementsAttr activation(ActivationKind kind, double alpha, double beta, RankedTensorType type, Attribute operand) {
  DenseElementsAttr attribute = evaluable(operand);
  if (!attribute || !isSmall(type)) return nullptr;
  return visit(kindOf(type.getElementType()), [&](auto tag) -> DenseElementsAttr {
    using T = decltype(tag);
    if constexpr (std::is_same_v<T, bool>) {
      return nullptr;
    } else {
      Elements<T> elements = load<T>(attribute);
      for (T& x : elements) {
        if constexpr (std::is_same_v<T, double>) {
          x = floating(kind, alpha, beta, x);
        } else if (kind == ActivationKind::relu) {
          x = std::max(x, T(0));
        } else if (kind == ActivationKind::clip) {
          x = std::min(std::max(x, clamped<T>(alpha)), clamped<T>(beta));
        } else {
          return nullptr;
        }
      }
      return store<T>(type, elements);
    }
  });
}

}  // namespace plimsoll::graph::evaluate
