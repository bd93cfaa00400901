#include "runtime/library/cudnn/testing/pointwise_functions.h"

#include <algorithm>
#include <cmath>

#include "runtime/library/nvidia/testing/emulation.h"

namespace plimsoll::runtime::cudnn::emulated {
namespace {

using backend::PointwiseMode;

double Sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

// Between the clips the identity; below the lower one a line of `slope`.
double Relu(const PointwiseParameters& pointwise, double x) {
  if (!(x > pointwise.lower_clip)) return pointwise.lower_clip + pointwise.slope * (x - pointwise.lower_clip);
  return std::min(x, pointwise.upper_clip);
}

}  // namespace

double PointwiseValue(const PointwiseParameters& pointwise, double x, double b, double t, int64_t index) {
  switch (pointwise.mode) {
    case PointwiseMode::kAdd:
      return x + b;
    case PointwiseMode::kMul:
      return x * b;
    case PointwiseMode::kMin:
      return std::min(x, b);
    case PointwiseMode::kMax:
      return std::max(x, b);
    case PointwiseMode::kSqrt:
      return std::sqrt(x);
    case PointwiseMode::kDiv:
      return x / b;
    case PointwiseMode::kSub:
      return x - b;
    case PointwiseMode::kAbs:
      return std::abs(x);
    case PointwiseMode::kExp:
      return std::exp(x);
    case PointwiseMode::kLog:
      return std::log(x);
    case PointwiseMode::kIdentity:
      return x;
    case PointwiseMode::kReluForward:
      return Relu(pointwise, x);
    case PointwiseMode::kTanhForward:
      return std::tanh(x);
    case PointwiseMode::kSigmoidForward:
      return Sigmoid(x);
    case PointwiseMode::kEluForward:
      return x > 0 ? x : std::expm1(x);
    case PointwiseMode::kGeluForward:
      return 0.5 * x * (1 + std::erf(x / std::sqrt(2.0)));
    case PointwiseMode::kSoftplusForward:
      return std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x)));
    case PointwiseMode::kSwishForward:
      return x * Sigmoid(pointwise.swish_beta * x);
    case PointwiseMode::kGeluTanhForward:
      return nvidia::GeluTanh(x);
    case PointwiseMode::kCompareGreaterEqual:
      return x >= b ? 1 : 0;
    case PointwiseMode::kGenIndex:
      return static_cast<double>(index);
    case PointwiseMode::kSelect:
      return t != 0 ? x : b;
  }
  return 0;
}

}  // namespace plimsoll::runtime::cudnn::emulated
