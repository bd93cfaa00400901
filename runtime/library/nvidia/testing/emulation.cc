#include "runtime/library/nvidia/testing/emulation.h"

#include <bit>

namespace plimsoll::runtime::nvidia {
namespace {

// Rounds to `mantissa` bits after the leading one, with exponents from `least` on: below, steps stay of one size.
double RoundTo(double value, int mantissa, int least) {
  if (value == 0 || !std::isfinite(value)) return value;
  const int exponent = std::max(std::ilogb(value), least);
  return std::ldexp(std::nearbyint(std::ldexp(value, mantissa - exponent)), exponent - mantissa);
}

double HalfToDouble(uint16_t bits) {
  const int exponent = (bits >> 10) & 31, mantissa = bits & 1023;
  const double sign = (bits & 0x8000) != 0 ? -1 : 1;
  if (exponent == 31) return mantissa != 0 ? NAN : sign * INFINITY;
  return sign * (exponent == 0 ? std::ldexp(mantissa, -24) : std::ldexp(1024 + mantissa, exponent - 25));
}

uint16_t DoubleToHalf(double value) {
  const uint16_t sign = std::signbit(value) ? 0x8000 : 0;
  if (std::isnan(value)) return 0x7e00;
  value = RoundTo(std::abs(value), 10, -14);
  if (value >= 65536) return sign | 0x7c00;
  if (value < std::ldexp(1, -14)) return sign | static_cast<uint16_t>(std::ldexp(value, 24));
  const int exponent = std::ilogb(value);
  return sign |
         static_cast<uint16_t>(((exponent + 15) << 10) + static_cast<int>(std::ldexp(value, 10 - exponent)) - 1024);
}

}  // namespace

double RoundToTf32(double value) { return RoundTo(value, 10, -126); }

double GeluTanh(double x) { return 0.5 * x * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x))); }

double LoadElement(plan::DataType type, const void* base, int64_t index) {
  const char* bytes = static_cast<const char*>(base);
  switch (type) {
    case plan::F64: {
      double value;
      std::memcpy(&value, bytes + index * 8, 8);
      return value;
    }
    case plan::F32: {
      float value;
      std::memcpy(&value, bytes + index * 4, 4);
      return value;
    }
    default:
      break;
  }
  uint16_t value;
  std::memcpy(&value, bytes + index * 2, 2);
  return type == plan::F16 ? HalfToDouble(value) : std::bit_cast<float>(static_cast<uint32_t>(value) << 16);
}

void StoreElement(plan::DataType type, void* base, int64_t index, double value) {
  char* bytes = static_cast<char*>(base);
  switch (type) {
    case plan::F64:
      std::memcpy(bytes + index * 8, &value, 8);
      return;
    case plan::F32: {
      const float narrow = static_cast<float>(value);
      std::memcpy(bytes + index * 4, &narrow, 4);
      return;
    }
    default:
      break;
  }
  const uint16_t narrow =
      type == plan::F16
          ? DoubleToHalf(value)
          : static_cast<uint16_t>(std::bit_cast<uint32_t>(static_cast<float>(RoundTo(value, 7, -126))) >> 16);
  std::memcpy(bytes + index * 2, &narrow, 2);
}

}  // namespace plimsoll::runtime::nvidia
