#include "compiler/codegen/cuda/emulator/intrinsics.h"

#include <bit>
#include <cfenv>
#include <cmath>
#include <cstdint>
#include <limits>

#include "compiler/codegen/cuda/emulator/fibers.h"

namespace plimsoll::codegen {
namespace {

template <typename F>
void* Address(F* function) {
  return reinterpret_cast<void*>(function);
}

// An operation under another rounding.
template <int Mode, typename T, typename F>
T Rounded(const F& compute) {
  std::fesetround(Mode);
  volatile T result = compute();
  std::fesetround(FE_TONEAREST);
  return result;
}
template <int Mode, typename T>
T Fma(T x, T y, T z) {
  volatile T a = x, b = y, c = z;
  return Rounded<Mode, T>([&] { return std::fma(static_cast<T>(a), static_cast<T>(b), static_cast<T>(c)); });
}
template <int Mode, typename T>
T Add(T x, T y) {
  volatile T a = x, b = y;
  return Rounded<Mode, T>([&] { return a + b; });
}
template <int Mode, typename T>
T Mul(T x, T y) {
  volatile T a = x, b = y;
  return Rounded<Mode, T>([&] { return a * b; });
}
template <typename T>
T Reciprocal(T x) {
  return 1 / x;
}
template <typename T>
T ReciprocalRoot(T x) {
  return 1 / std::sqrt(x);
}
template <typename T>
T Root(T x) {
  return std::sqrt(x);
}
template <typename T>
T Subtract(T x, T y) {
  return x - y;
}
template <typename T>
T Divide(T x, T y) {
  return x / y;
}
template <typename T>
T Absolute(T x) {
  return std::fabs(x);
}
template <typename T>
T Floor(T x) {
  return std::floor(x);
}
template <typename T>
T Ceil(T x) {
  return std::ceil(x);
}
template <typename T>
T Truncate(T x) {
  return std::trunc(x);
}
template <typename T>
T Even(T x) {
  return std::nearbyint(x);
}
template <typename T>
T Largest(T x, T y) {
  return std::fmax(x, y);
}
template <typename T>
T Smallest(T x, T y) {
  return std::fmin(x, y);
}
float Saturate(float x) { return x > 0 ? std::fmin(x, 1.0f) : 0; }
// As cvt does: out of range the nearest, NaN 0.
template <typename To, typename From, bool Even>
To Convert(From x) {
  if (x != x) return 0;
  x = Even ? std::nearbyint(x) : std::trunc(x);
  if (x <= static_cast<From>(std::numeric_limits<To>::min())) return std::numeric_limits<To>::min();
  if (x >= static_cast<From>(std::numeric_limits<To>::max())) return std::numeric_limits<To>::max();
  return static_cast<To>(x);
}
// Nearest even, in the low half; NaN as cvt gives it.
uint32_t ToBfloat(float x) {
  const auto bits = std::bit_cast<uint32_t>(x);
  return x != x ? 0x7fff : (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
}
// Two as halves of a word, the first in the high half.
uint32_t PackBfloats(float high, float low) { return ToBfloat(high) << 16 | ToBfloat(low); }
uint32_t PackHalves(float high, float low) {
  auto bits = [](float x) { return uint32_t{std::bit_cast<uint16_t>(static_cast<_Float16>(x))}; };
  return bits(high) << 16 | bits(low);
}
// To 10 bits of mantissa, ties away from zero.
uint32_t ToTf32(float x) {
  const auto bits = std::bit_cast<uint32_t>(x);
  if (x != x) return 0x7fffffff & ~0x1fffu;
  return std::isinf(x) ? bits : (bits + 0x1000) & ~0x1fffu;
}
int32_t High(double x) { return static_cast<int32_t>(std::bit_cast<uint64_t>(x) >> 32); }
int32_t Low(double x) { return static_cast<int32_t>(std::bit_cast<uint64_t>(x)); }
double FromHalves(int32_t low, int32_t high) {
  return std::bit_cast<double>(uint64_t{static_cast<uint32_t>(high)} << 32 | static_cast<uint32_t>(low));
}
uint32_t HighProduct(uint32_t x, uint32_t y) { return static_cast<uint32_t>(uint64_t{x} * y >> 32); }
uint64_t HighProduct64(uint64_t x, uint64_t y) {
  return static_cast<uint64_t>(static_cast<unsigned __int128>(x) * y >> 64);
}
float SineOf(float x) { return std::sin(x); }
float CosineOf(float x) { return std::cos(x); }

}  // namespace

const std::map<std::string, void*>& HostIntrinsics() {
  static const std::map<std::string, void*> known = {
      {"barrier0", Address(EmulatedBarrier)},
      {"ex2.approx.f", Address(static_cast<float (*)(float)>(exp2f))},
      {"ex2.approx.d", Address(static_cast<double (*)(double)>(exp2))},
      {"rcp.approx.f32", Address(Reciprocal<float>)},  // libdevice's inline assembly
      {"rsqrt.approx.f64", Address(ReciprocalRoot<double>)},
      {"sub.rn.f32", Address(Subtract<float>)},
      {"sub.rn.f64", Address(Subtract<double>)},
      {"lg2.approx.f", Address(static_cast<float (*)(float)>(log2f))},
      {"sin.approx.f", Address(SineOf)},
      {"cos.approx.f", Address(CosineOf)},
      {"rsqrt.approx.f", Address(ReciprocalRoot<float>)},
      {"rsqrt.approx.d", Address(ReciprocalRoot<double>)},
      {"rcp.approx.f", Address(Reciprocal<float>)},
      {"rcp.approx.d", Address(Reciprocal<double>)},
      {"rcp.rn.f", Address(Reciprocal<float>)},
      {"rcp.rn.d", Address(Reciprocal<double>)},
      {"sqrt.approx.f", Address(Root<float>)},
      {"sqrt.rn.f", Address(Root<float>)},
      {"sqrt.rn.d", Address(Root<double>)},
      {"div.approx.f", Address(Divide<float>)},
      {"div.rn.f", Address(Divide<float>)},
      {"div.full", Address(Divide<float>)},
      {"fabs.f", Address(Absolute<float>)},
      {"fabs.d", Address(Absolute<double>)},
      {"floor.f", Address(Floor<float>)},
      {"floor.d", Address(Floor<double>)},
      {"ceil.f", Address(Ceil<float>)},
      {"ceil.d", Address(Ceil<double>)},
      {"trunc.f", Address(Truncate<float>)},
      {"trunc.d", Address(Truncate<double>)},
      {"round.f", Address(Even<float>)},
      {"round.d", Address(Even<double>)},
      {"fmax.f", Address(Largest<float>)},
      {"fmax.d", Address(Largest<double>)},
      {"fmin.f", Address(Smallest<float>)},
      {"fmin.d", Address(Smallest<double>)},
      {"saturate.f", Address(Saturate)},
      {"fma.rn.f", Address(Fma<FE_TONEAREST, float>)},
      {"fma.rn.d", Address(Fma<FE_TONEAREST, double>)},
      {"fma.rz.f", Address(Fma<FE_TOWARDZERO, float>)},
      {"fma.rm.f", Address(Fma<FE_DOWNWARD, float>)},
      {"fma.rp.f", Address(Fma<FE_UPWARD, float>)},
      {"add.rn.f", Address(Add<FE_TONEAREST, float>)},
      {"add.rn.d", Address(Add<FE_TONEAREST, double>)},
      {"add.rz.f", Address(Add<FE_TOWARDZERO, float>)},
      {"add.rz.d", Address(Add<FE_TOWARDZERO, double>)},
      {"mul.rn.f", Address(Mul<FE_TONEAREST, float>)},
      {"mul.rn.d", Address(Mul<FE_TONEAREST, double>)},
      {"mul.rz.f", Address(Mul<FE_TOWARDZERO, float>)},
      {"f2i.rn", Address(Convert<int32_t, float, true>)},
      {"f2i.rz", Address(Convert<int32_t, float, false>)},
      {"f2ll.rz", Address(Convert<int64_t, float, false>)},
      {"d2i.rn", Address(Convert<int32_t, double, true>)},
      {"d2i.rz", Address(Convert<int32_t, double, false>)},
      {"d2ll.rn", Address(Convert<int64_t, double, true>)},
      {"d2ll.rz", Address(Convert<int64_t, double, false>)},
      {"f2bf16.rn", Address(ToBfloat)},
      {"cvt.rn.bf16x2.f32", Address(PackBfloats)},
      {"cvt.rn.f16x2.f32", Address(PackHalves)},
      {"cvt.rna.tf32.f32", Address(ToTf32)},
      {"d2i.hi", Address(High)},
      {"d2i.lo", Address(Low)},
      {"lohi.i2d", Address(FromHalves)},
      {"mulhi.ui", Address(HighProduct)},
      {"mulhi.ull", Address(HighProduct64)},
  };
  return known;
}

}  // namespace plimsoll::codegen
