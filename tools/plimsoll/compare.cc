#include "tools/plimsoll/compare.h"

#include <cmath>
#include <cstdint>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "ir/plan/types.h"

namespace plimsoll::cli {
namespace {

template <typename T>
T Load(const char* at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

double FromHalf(uint16_t bits) {
  const int exponent = (bits >> 10) & 31, mantissa = bits & 1023;
  double value = exponent == 0    ? std::ldexp(mantissa, -24)
                 : exponent == 31 ? (mantissa ? NAN : INFINITY)
                                  : std::ldexp(1024 + mantissa, exponent - 25);
  return bits & 0x8000 ? -value : value;
}

float FromBfloat(uint16_t bits) {
  const uint32_t wide = static_cast<uint32_t>(bits) << 16;
  return Load<float>(reinterpret_cast<const char*>(&wide));
}

// An 8-bit float of `mantissa` bits. FN: no infinities, all ones are NaN; FNUZ: 0x80 is the one NaN.
double FromFloat8(uint8_t code, int mantissa, int bias, bool fn, bool fnuz) {
  const int magnitude = code & 0x7f, exponent = magnitude >> mantissa, fraction = magnitude & ((1 << mantissa) - 1);
  const int special = 0x7f >> mantissa;  // the exponent of infinity, where there is one
  if (fnuz ? code == 0x80 : fn ? magnitude == 0x7f : exponent == special && fraction != 0) return NAN;
  double value = exponent == 0 ? std::ldexp(fraction, 1 - bias - mantissa)
                               : std::ldexp((1 << mantissa) + fraction, exponent - bias - mantissa);
  if (!fn && !fnuz && exponent == special) value = INFINITY;
  return code & 0x80 ? -value : value;
}

bool IsFloat(plan::DataType dtype) { return dtype >= plan::F16; }

double Element(const Tensor& tensor, int64_t i) {
  const char* data = tensor.bytes.data();
  switch (tensor.type.dtype()) {
    case plan::F32:
      return Load<float>(data + 4 * i);
    case plan::F64:
      return Load<double>(data + 8 * i);
    case plan::F16:
      return FromHalf(Load<uint16_t>(data + 2 * i));
    case plan::F8E4M3FN:
      return FromFloat8(data[i], 3, 7, true, false);
    case plan::F8E4M3FNUZ:
      return FromFloat8(data[i], 3, 8, false, true);
    case plan::F8E5M2:
      return FromFloat8(data[i], 2, 15, false, false);
    case plan::F8E5M2FNUZ:
      return FromFloat8(data[i], 2, 16, false, true);
    default:
      return FromBfloat(Load<uint16_t>(data + 2 * i));
  }
}

Difference CompareExactly(const Tensor& actual, const Tensor& expected) {
  Difference difference;
  const int size = plan::ElementSize(actual.type.dtype());
  for (size_t at = 0; at < actual.bytes.size(); at += size) {
    if (std::memcmp(actual.bytes.data() + at, expected.bytes.data() + at, size) == 0) continue;
    difference.equal = false;
    difference.largest = 1;
    difference.reason = absl::StrCat("element ", at / size, " of ", actual.bytes.size() / size, " differs");
    if (size == 8) {
      absl::StrAppend(&difference.reason, ": ", Load<int64_t>(actual.bytes.data() + at), ", expected ",
                      Load<int64_t>(expected.bytes.data() + at));
    } else if (size == 4) {
      absl::StrAppend(&difference.reason, ": ", Load<int32_t>(actual.bytes.data() + at), ", expected ",
                      Load<int32_t>(expected.bytes.data() + at));
    } else if (size == 1) {
      absl::StrAppend(&difference.reason, ": ", static_cast<int>(Load<uint8_t>(actual.bytes.data() + at)),
                      ", expected ", static_cast<int>(Load<uint8_t>(expected.bytes.data() + at)), " (as bytes)");
    }
    break;
  }
  return difference;
}

}  // namespace

Difference Compare(const Tensor& actual, const Tensor& expected, const Tolerance& tolerance) {
  Difference difference;
  if (plan::ToString(actual.type) != plan::ToString(expected.type)) {
    difference.equal = false;
    difference.reason = absl::StrCat("is ", plan::ToString(actual.type), ", expected ", plan::ToString(expected.type));
    return difference;
  }
  if (expected.onnx_element != 0 && actual.onnx_element != expected.onnx_element) {
    difference.equal = false;
    difference.reason =
        absl::StrCat("has elements of ONNX's type ", actual.onnx_element, ", expected ", expected.onnx_element);
    return difference;
  }
  if (!IsFloat(actual.type.dtype())) return CompareExactly(actual, expected);
  const int64_t count = static_cast<int64_t>(actual.bytes.size()) / plan::ElementSize(actual.type.dtype());
  double scale = 0, worst_excess = 0, squares = 0, error_squares = 0;
  int64_t worst = -1, wrong = 0;
  for (int64_t i = 0; i < count; ++i) {
    const double a = Element(actual, i), e = Element(expected, i);
    if (std::isfinite(e)) {
      scale = std::max(scale, std::abs(e));
      squares += e * e;
    }
    if (a == e || (std::isnan(a) && std::isnan(e))) continue;
    double error = std::abs(a - e);
    if (!std::isfinite(error)) error = INFINITY;
    difference.largest = std::max(difference.largest, error);
    error_squares += error * error;
    const double excess = error - (tolerance.absolute + tolerance.relative * std::abs(e));
    if (excess > 0 || std::isnan(excess)) {
      ++wrong;
      if (worst < 0 || excess > worst_excess) worst = i, worst_excess = excess;
    }
  }
  difference.largest_relative = scale > 0 ? difference.largest / scale : difference.largest;
  difference.rms_relative = std::sqrt(squares > 0 ? error_squares / squares : error_squares);
  if (tolerance.rms > 0 ? !(difference.rms_relative <= tolerance.rms) : worst >= 0) {
    difference.equal = false;
    if (worst < 0) worst = 0;
    difference.reason = absl::StrFormat("%d of %d elements differ; the worst, element %d, is %g, expected %g", wrong,
                                        count, worst, Element(actual, worst), Element(expected, worst));
  }
  return difference;
}

}  // namespace plimsoll::cli
